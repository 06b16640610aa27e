"""The service on this host, which this module starts, stops with all that it left, and recognises after a restart.

Used by installer.py and agent.py. The service goes on when the agent ends. The new processes wait until the agent has
recorded them in `service.json`; then their commands begin. When the agent dies before that, the processes end.
"""

import contextlib
import os
import signal
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from apps.agent import command_runner, leftovers, named_processes, processes, service_log
from apps.agent.atomic_file import read_or_none, write_despite_full_disk
from apps.agent.command_runner import TimedCommand
from apps.agent.errors import LeftBehind
from apps.agent.named_processes import NamedProcess
from apps.agent.processes import Process
from apps.agent.service_account import ServiceAccount
from apps.agent.spawn import log_file, spawn
from lifecycle.domain.service.manifest import MAIN_PROCESS, Manifest, ProcessCommand
from lifecycle.gateways.serialization import Source, from_json, to_json

_MEND = "Stop the service of this host by hand, delete the file, and start the agent again."

KILL_SECONDS = 5.0
LEFTOVER_SECONDS = 5.0
"""The time after SIGTERM for processes of a start that is not on record."""
_SEARCH_SECONDS = 0.5  # new processes are searched for this often while known ones end
_SHELL_KILLED = 128 + signal.SIGKILL
# A shell exports what it found in its environment, so its own variable has a name that no service can set.
_LAUNCH = 'cd "$0" && read -r LIFECYCLE_GO && exec sh -c "$1" </dev/null'


@dataclass(frozen=True, slots=True)
class StartRecord:
    """One start of the service, as stored in `service.json`.

    `boot` is its random id, `config` the revision of its configuration. `ticks` (start time) and `kernel` (boot id)
    distinguish its pid from a later reuse. It serves at `address` and `port`; an older agent recorded neither.
    `processes` are those beside the main one. `restored`: for a diagnosis.
    """

    pid: int
    ticks: int
    kernel: str
    boot: str
    version: str
    digest: str
    stop_seconds: float
    config: int = 0
    address: str = ""
    port: int = 0
    processes: tuple[NamedProcess, ...] = ()
    restored: bool = False

    @property
    def every(self) -> tuple[NamedProcess, ...]:
        """Every process of this start, the main one first."""
        return NamedProcess(MAIN_PROCESS, self.pid, self.ticks, self.stop_seconds), *self.processes


def _start_record(text: str, source: Source) -> StartRecord:
    """Return the record of a start; raises UnreadableRecord."""
    found = from_json(StartRecord, text, source)
    # A signal to group 0 reaches the agent's own processes, and one to a negative group a process of somebody else.
    for each in found.every:
        if each.pid <= 1:
            raise source.unreadable("the pid of a service, 2 or more", str(each.pid))
    return found


class Service:
    """The service's processes. Use it from one thread only.

    Call `processes.adopt_orphans` before, so that no process of the service gets lost.
    """

    def __init__(self, home: Path, account: ServiceAccount | None = None) -> None:
        self.account = account
        self._record = home / "service.json"
        self.log = home / "logs" / "service.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        text = read_or_none(self._record)
        self.started = _start_record(text, Source(str(self._record), _MEND)) if text is not None else None
        self.mark = leftovers.mark_of(home)
        self._adopts = processes.adopts_orphans()
        self._exits: dict[str, str] = {}  # by process, the first to end first
        self.spared = 0  # the pid of a release command, which its runner reaps

    def running(self) -> StartRecord | None:
        """Return the start that runs now; None when the service was stopped, or any process of it died."""
        self._reap_adopted()
        started = self.started
        return started if started and not self._has_exited(started) else None

    def start(
        self,
        manifest: Manifest,
        folder: Path,
        environment: Mapping[str, str],
        config: int = 0,
        *,
        restored: bool = False,
    ) -> StartRecord:
        """Run the manifest's command in `folder` in a new session, with exactly this environment and its mark."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        service_log.rotate_all(self.log, {**manifest.processes, **manifest.schedules})
        boot = uuid.uuid4().hex
        main = ProcessCommand(manifest.run.command, manifest.run.stop_seconds)
        with contextlib.ExitStack() as pipes:
            gates = {name: _gate(pipes) for name in (MAIN_PROCESS, *manifest.processes)}

            def launched(name: str, of: ProcessCommand) -> NamedProcess:
                variables = self._marked(named_processes.environment_of(name, environment), boot)
                pid = self._spawn(of.command, folder, variables, gates[name][0], name)
                found = processes.process(pid)
                return NamedProcess(name, pid, found.started if found else 0, of.stop_seconds)

            first = launched(MAIN_PROCESS, main)
            started = StartRecord(
                pid=first.pid,
                ticks=first.ticks,
                kernel=processes.kernel_boot(),
                boot=boot,
                version=manifest.version,
                digest=manifest.digest,
                stop_seconds=first.stop_seconds,
                config=config,
                address=environment.get("HOST", ""),
                port=int(environment.get("PORT", 0)),
                processes=tuple(launched(*each) for each in manifest.processes.items()),
                restored=restored,
            )
            self._exits, self.started = {}, started
            write_despite_full_disk(self._record, to_json(started))
            for _, go in gates.values():
                os.write(go, b"go\n")
        return started

    def start_beside(
        self, name: str, command: TimedCommand, end_file: Path, record: Callable[[NamedProcess], object]
    ) -> None:
        """Run a command beside the service until its end, which its runner writes into a file.

        It begins once `record` has the runner. A stop ends it, too.
        """
        variables = self.marked(named_processes.environment_of(name, command.environment))

        def began(pid: int) -> None:
            found = processes.process(pid)
            record(NamedProcess(name, pid, found.started if found else 0, 0.0))

        log = named_processes.log_of(self.log, name)
        command_runner.start(replace(command, environment=variables), log, self.account, began, end_file)

    def stop(self) -> None:
        """End the service and everything that its starts left, with SIGTERM and then SIGKILL.

        Raises LeftBehind when a process does not end.
        """
        self._end_all()
        self.started = None
        self._record.unlink(missing_ok=True)

    def end_leftovers(self) -> None:
        """End what a service left whose command has ended; leave a running service alone. Raises LeftBehind."""
        if self.running() is None:
            self._end_all()

    def end_unmarked(self, found: Process, environment: Mapping[str, str]) -> bool:
        """End a process that an older agent started as this service; return False for any other process."""
        if not leftovers.is_start_without_mark(found, environment):
            return False

        self.end_processes(lambda: [found] if _lives(found) else [], LEFTOVER_SECONDS)
        return True

    def end_processes(self, find: Callable[[], list[Process]], seconds: float) -> None:
        """End every process that `find` returns, with SIGTERM, and SIGKILL after `seconds`. Raises LeftBehind."""
        for number, limit in ((signal.SIGTERM, seconds), (signal.SIGKILL, KILL_SECONDS)):
            if not (left := self._signal_and_wait(find, number, limit)):
                return
        version = leftovers.version_of(left[0]) or (self.started.version if self.started else "")
        raise LeftBehind(processes.described(left[0]), version, KILL_SECONDS)

    def marked(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Return an environment with the mark of the last start, for processes that must end with it."""
        return self._marked(environment, self.started.boot if self.started else "")

    def exit_status(self, unknown: str = "unknown exit code") -> str:
        """Return for example `exit code 3` or `SIGKILL`; known only for a service that this process started."""
        ended = self._first_ended()
        return self._exits.get(ended.name, unknown) if ended else unknown

    def ended_process(self) -> str:
        """Return the name of the process that ended first; empty for the main process, and if all run."""
        ended = self._first_ended()
        return ended.name if ended and ended.name != MAIN_PROCESS else ""

    def _first_ended(self) -> NamedProcess | None:
        if self.started is None:
            return None
        every = {each.name: each for each in self.started.every}
        known = [every[name] for name in self._exits if name in every]
        return next(iter([*known, *(each for each in every.values() if not each.lives())]), None)

    def pids(self) -> list[int]:
        """Return the pids of the last start, which may have ended."""
        return [each.pid for each in self.started.every] if self.started else []

    def trim_log(self) -> None:
        """Bound the logs while the service writes to them."""
        service_log.trim_all(self.log)
        for each in self.started.every if self.started else ():
            service_log.trim_removed(named_processes.log_of(self.log, each.name), each.pid)

    def trimming(self) -> AbstractContextManager[None]:
        """Return a block during which the log is trimmed, while this thread does something else."""
        return service_log.trimming(self.log)

    def log_tail(self, mask: Callable[[str], str] = str) -> str:
        """Return the last lines that the service wrote since its last start, masked before they are cut.

        They are those of the process that ended first, or else of the main one.
        """
        try:
            since = self._record.stat().st_mtime
        except FileNotFoundError:
            since = time.time()
        return service_log.tail(named_processes.log_of(self.log, self.ended_process() or MAIN_PROCESS), since, mask)

    def _marked(self, environment: Mapping[str, str], boot: str) -> dict[str, str]:
        return {**environment, leftovers.MARK: f"{self.mark}.{boot}"}

    def _spawn(
        self,
        command: str,
        folder: Path,
        environment: Mapping[str, str],
        go: int,
        name: str = MAIN_PROCESS,
    ) -> int:
        program = ("/bin/sh", "-c", _LAUNCH, str(folder), command)
        with log_file(named_processes.log_of(self.log, name), self.account) as log:
            return spawn(program, environment, go, log, self.account)

    def _end_all(self) -> None:
        """End every living process of this home's starts."""
        unit = leftovers.own_unit(processes.cgroup(os.getpid()))
        logs, releases = named_processes.logs(self.log), self._record.with_name("releases")
        search = leftovers.Search(self.mark, logs, adopts=self._adopts, unit=unit, releases=releases)
        if self.started is None:
            self.end_processes(lambda: search.find(()), LEFTOVER_SECONDS)
            return
        limits = named_processes.Limits(self.started.every, lambda each: processes.send(each, signal.SIGKILL))
        self.end_processes(lambda: limits.enforce(search.find(self._last_start())), limits.longest)

    def _last_start(self) -> tuple[int, ...]:
        """Return the pids of the recorded start that still belong to it: their sessions do, too.

        Another boot, or another process with its pid, makes a process a past one.
        """
        started = self.started
        if started is None or started.kernel != processes.kernel_boot():
            return ()
        self._reap(started)
        found = ((each, processes.process(each.pid)) for each in started.every)
        return tuple(each.pid for each, now in found if now is not None and now.started == each.ticks)

    def _signal_and_wait(
        self, find: Callable[[], list[Process]], number: signal.Signals, seconds: float
    ) -> list[Process]:
        """Send a signal to every process that `find` returns, now or later; return those left after `seconds`."""
        deadline = time.monotonic() + seconds
        signalled: set[tuple[int, int]] = set()
        while (alive := find()) and (not signalled or time.monotonic() < deadline):
            for each in alive:
                if (same := _identity(each)) not in signalled:
                    signalled.add(same)
                    processes.send(each, number)
                    processes.send(each, signal.SIGCONT)  # a stopped process handles the signal when it continues
            self._await_ends(alive, min(deadline, time.monotonic() + _SEARCH_SECONDS))
        return alive

    def _await_ends(self, alive: list[Process], deadline: float) -> None:
        """Wait until these processes have ended, at most until `deadline`."""
        pause = 0.002
        while alive and time.monotonic() < deadline:
            processes.await_end(alive[0].pid, pause)
            pause = min(pause * 1.5, 0.02)
            self._reap_all()
            alive = [each for each in alive if _lives(each)]

    def _has_exited(self, started: StartRecord) -> bool:
        """Return whether any process of a start has ended."""
        self._reap(started)
        gone = started.kernel != processes.kernel_boot() or not all(each.lives() for each in started.every)
        if gone:
            self._reap(started)  # it may have died after the first reap; this one records its exit status
        return gone

    def _reap_all(self) -> None:
        if self.started:
            self._reap(self.started)
        self._reap_adopted()

    def _reap(self, started: StartRecord) -> None:
        """Reap every dead child of the groups. After a restart of the agent, init reaps them."""
        for each in started.every:
            with contextlib.suppress(ChildProcessError):
                while (ended := os.waitpid(-each.pid, os.WNOHANG))[0]:
                    if ended[0] == each.pid:
                        self._exits[each.name] = _in_words(os.waitstatus_to_exitcode(ended[1]))

    def _reap_adopted(self) -> None:
        """Reap dead processes that the service left to this one; a child in the agent's own session is not one."""
        if not self._adopts:
            return
        first = {each.pid for each in self.started.every} if self.started else set()
        with contextlib.suppress(ChildProcessError):
            while ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                found = processes.process(ended.si_pid)
                if found is None or found.pid in (*first, self.spared) or found.session == os.getsid(0):
                    return
                os.waitpid(found.pid, os.WNOHANG)


def _gate(pipes: contextlib.ExitStack) -> tuple[int, int]:
    """Return a pipe on which a new process waits; both ends are closed at the end of the block."""
    ends = os.pipe()
    for end in ends:
        pipes.callback(os.close, end)
    return ends


def _in_words(code: int) -> str:
    """Name an exit code. The shell of a command without `exec` ends with 137 where its service was killed."""
    if code in (-signal.SIGKILL, _SHELL_KILLED):
        return signal.SIGKILL.name
    return f"exit code {code}" if code >= 0 else processes.signal_name(-code)


def _identity(of: Process) -> tuple[int, int]:
    return of.pid, of.started


def _lives(each: Process) -> bool:
    now = processes.process(each.pid)
    return now is not None and not now.dead and now.started == each.started

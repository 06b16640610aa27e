"""The service on this host, which this module starts, stops with all that it left, and recognises after a restart.

Used by installer.py and agent.py. The service goes on when the agent ends. The new process waits until the agent has
recorded it in `service.json`; then the command begins. When the agent dies before that, the process ends.
"""

import contextlib
import os
import signal
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from apps.agent import leftovers, processes, service_log
from apps.agent.atomic_file import read_or_none, write_despite_full_disk
from apps.agent.errors import LeftBehind
from apps.agent.processes import Process
from lifecycle.domain.service.manifest import Manifest
from lifecycle.gateways.serialization import Source, from_json, to_json

_MEND = "Stop the service of this host by hand, delete the file, and start the agent again."

KILL_SECONDS = 5.0
LEFTOVER_SECONDS = 5.0
"""The time after SIGTERM for processes of a start that is not on record."""
_SEARCH_SECONDS = 0.5  # new processes are searched for this often while known ones end
_SHELL_KILLED = 128 + signal.SIGKILL
_LAUNCH = 'cd "$0" && read -r go && exec sh -c "$1" </dev/null'


@dataclass(frozen=True, slots=True)
class StartRecord:
    """One start of the service, as stored in `service.json`.

    `boot` is its random id, `config` the revision of its configuration. `ticks` (start time) and `kernel` (boot id)
    distinguish its pid from a later reuse. It serves at `address` and `port`; an older agent recorded neither.
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


def _start_record(text: str, source: Source) -> StartRecord:
    """Return the record of a start; raises UnreadableRecord."""
    found = from_json(StartRecord, text, source)
    # A signal to group 0 reaches the agent's own processes, and one to a negative group a process of somebody else.
    if found.pid <= 1:
        raise source.unreadable("the pid of a service, 2 or more", str(found.pid))
    return found


class Service:
    """The service's processes. Use it from one thread only.

    Call `processes.adopt_orphans` before, so that no process of the service gets lost.
    """

    def __init__(self, home: Path) -> None:
        self._record = home / "service.json"
        self.log = home / "logs" / "service.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        text = read_or_none(self._record)
        self.started = _start_record(text, Source(str(self._record), _MEND)) if text is not None else None
        self._mark = leftovers.mark_of(home)
        self._adopts = processes.adopts_orphans()
        self._exit: str | None = None

    def running(self) -> StartRecord | None:
        """Return the start that runs now; None when the service was stopped or died."""
        self._reap_adopted()
        started = self.started
        return started if started and not self._has_exited(started) else None

    def start(self, manifest: Manifest, folder: Path, environment: Mapping[str, str], config: int = 0) -> StartRecord:
        """Run the manifest's command in `folder` in a new session, with exactly this environment and its mark."""
        service_log.rotate(self.log)
        boot = uuid.uuid4().hex
        go_out, go_in = os.pipe()
        try:
            pid = self._spawn(manifest.run.command, folder, self._marked(environment, boot), go_out)
            found = processes.process(pid)
            started = StartRecord(
                pid=pid,
                ticks=found.started if found else 0,
                kernel=processes.kernel_boot(),
                boot=boot,
                version=manifest.version,
                digest=manifest.digest,
                stop_seconds=manifest.run.stop_seconds,
                config=config,
                address=environment.get("HOST", ""),
                port=int(environment.get("PORT", 0)),
            )
            self._exit, self.started = None, started
            write_despite_full_disk(self._record, to_json(started))
            os.write(go_in, b"go\n")
        finally:
            os.close(go_out)
            os.close(go_in)
        return started

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

        self._end(lambda: [found] if _lives(found) else [], LEFTOVER_SECONDS)
        return True

    def marked(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Return an environment with the mark of the last start, for processes that must end with it."""
        return self._marked(environment, self.started.boot if self.started else "")

    def exit_status(self, unknown: str = "unknown exit code") -> str:
        """Return for example `exit code 3` or `SIGKILL`; known only for a service that this process started."""
        return self._exit or unknown

    def trim_log(self) -> None:
        """Bound the log while the service writes to it."""
        service_log.trim(self.log)

    def trimming(self) -> AbstractContextManager[None]:
        """Return a block during which the log is trimmed, while this thread does something else."""
        return service_log.trimming(self.log)

    def log_tail(self, mask: Callable[[str], str] = str) -> str:
        """Return the last lines that the service wrote since its last start, masked before they are cut."""
        try:
            since = self._record.stat().st_mtime
        except FileNotFoundError:
            since = time.time()
        return service_log.tail(self.log, since, mask)

    def _marked(self, environment: Mapping[str, str], boot: str) -> dict[str, str]:
        return {**environment, leftovers.MARK: f"{self._mark}.{boot}"}

    def _spawn(self, command: str, folder: Path, environment: Mapping[str, str], go: int) -> int:
        log = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
        try:
            return os.posix_spawn(
                "/bin/sh",
                ["sh", "-c", _LAUNCH, str(folder), command],
                environment,
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, go, 0),
                    (os.POSIX_SPAWN_DUP2, log, 1),
                    (os.POSIX_SPAWN_DUP2, log, 2),
                ],
                setsid=True,
                setsigmask=[],
                setsigdef=[signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGHUP],
            )
        finally:
            os.close(log)

    def _end_all(self) -> None:
        """End every living process of this home's starts."""
        unit = leftovers.own_unit(processes.cgroup(os.getpid()))
        search = leftovers.Search(self._mark, self.log, adopts=self._adopts, unit=unit)
        seconds = self.started.stop_seconds if self.started else LEFTOVER_SECONDS
        self._end(lambda: search.find(self._last_start()), seconds)

    def _last_start(self) -> leftovers.Start | None:
        """Return the recorded start; None when another boot, or another process with its pid, makes it a past one."""
        started = self.started
        if started is None or started.kernel != processes.kernel_boot():
            return None
        self._reap(started)
        found = processes.process(started.pid)
        if found is not None and found.started != started.ticks:
            return None
        return leftovers.Start(started.pid, lives=found is not None)

    def _end(self, find: Callable[[], list[Process]], seconds: float) -> None:
        for number, limit in ((signal.SIGTERM, seconds), (signal.SIGKILL, KILL_SECONDS)):
            if not (left := self._signal_and_wait(find, number, limit)):
                return
        version = leftovers.version_of(left[0]) or (self.started.version if self.started else "")
        raise LeftBehind(processes.described(left[0]), version, KILL_SECONDS)

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
        self._reap(started)
        found = processes.process(started.pid)
        same = found and found.started == started.ticks and started.kernel == processes.kernel_boot()
        gone = not same or found is None or found.dead
        if gone:
            self._reap(started)  # it may have died after the first reap; this one records its exit status
        return gone

    def _reap_all(self) -> None:
        if self.started:
            self._reap(self.started)
        self._reap_adopted()

    def _reap(self, started: StartRecord) -> None:
        """Reap every dead child of the group. After a restart of the agent, init reaps them."""
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-started.pid, os.WNOHANG))[0]:
                if ended[0] == started.pid:
                    self._exit = _in_words(os.waitstatus_to_exitcode(ended[1]))

    def _reap_adopted(self) -> None:
        """Reap dead processes that the service left to this one; a child in the agent's own session is not one."""
        if not self._adopts:
            return
        first = self.started.pid if self.started else 0
        with contextlib.suppress(ChildProcessError):
            while ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                found = processes.process(ended.si_pid)
                if found is None or found.pid == first or found.session == os.getsid(0):
                    return
                os.waitpid(found.pid, os.WNOHANG)


def _in_words(code: int) -> str:
    """Name an exit code. The shell of a command without `exec` ends with 137 where its service was killed."""
    if code in (-signal.SIGKILL, _SHELL_KILLED):
        return signal.SIGKILL.name
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name


def _identity(of: Process) -> tuple[int, int]:
    return of.pid, of.started


def _lives(each: Process) -> bool:
    now = processes.process(each.pid)
    return now is not None and not now.dead and now.started == each.started

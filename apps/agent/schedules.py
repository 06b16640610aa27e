"""The scheduled commands of the installed version: compete for each due minute, run the command, record its end.

Called by agent.py at each poll, in its thread. A run goes on while the agent restarts: its runner (run_to_end.py)
ends it in time, and writes how it ended into a file. An install ends it with everything else that the start left.
"""

import contextlib
import logging
import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from apps.agent import processes, run_to_end
from apps.agent.atomic_file import read_or_none, write_despite_full_disk
from apps.agent.command_runner import TimedCommand
from apps.agent.errors import ConfigUnreadable
from apps.agent.leftovers import MARK
from apps.agent.named_processes import VARIABLE, NamedProcess, log_of
from apps.agent.ports import ScheduledRuns, Turns
from apps.agent.service import Service
from apps.agent.service_log import older
from lifecycle.domain.errors import LifecycleError
from lifecycle.domain.fleet.host import HostReport
from lifecycle.domain.fleet.host_command import Turn
from lifecycle.domain.fleet.scheduled_run import MARGIN, RunState, ScheduledRun, claimed, out_of_service
from lifecycle.domain.service.cron import is_due, minute_of
from lifecycle.domain.service.manifest import Manifest, Schedule
from lifecycle.gateways.serialization import Source, from_json, to_json

logger = logging.getLogger(__name__)

DUE = "LIFECYCLE_SCHEDULED_AT"
_TAIL_BYTES, _TAIL_LINES = 4000, 20
# An older agent ran a command under coreutils' `timeout`, and wrote a bare exit code: 124 says that time was over.
_SUCCESS = (f"{run_to_end.EXIT}0", "0")
_TIMED_OUT = (run_to_end.TIMED_OUT, "124")


@dataclass(frozen=True, slots=True)
class Active:
    """One run of this host, as stored in `schedules.json` before it is claimed and until its end is recorded.

    `process` is None until it began. `output` is where its output begins in the log. `interrupted` says what ended
    it from outside, `problem` how it ended: empty for a success, None while it runs. `config` is the revision of the
    configuration that it has; 0 in the record of an older agent.
    """

    run: ScheduledRun
    timeout_seconds: float
    kernel: str
    process: NamedProcess | None = None
    output: int = 0
    interrupted: str = ""
    problem: str | None = None
    log_tail: str = ""
    config: int = 0


@dataclass(frozen=True, slots=True)
class Runnable:
    """The installed version, as a scheduled command needs it."""

    manifest: Manifest
    folder: Path
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Due:
    """A schedule of the installed version at a minute that it names."""

    name: str
    schedule: Schedule
    minute: datetime
    manifest: Manifest

    def run(self, host: str, now: datetime) -> ScheduledRun:
        """Return the record of a run that begins now."""
        lasts = timedelta(seconds=self.schedule.timeout_seconds + self.manifest.run.stop_seconds) + MARGIN
        return ScheduledRun(
            schedule=self.name,
            minute=self.minute,
            host=host,
            version=self.manifest.version,
            state=RunState.RUNNING,
            started_at=now,
            until=now + lasts,
            decided=self.minute,
        )


class Schedules:
    """The schedules of one host. `runnable` returns what is installed; `answers`, whether it passes `is_alive`."""

    def __init__(
        self,
        home: Path,
        service: Service,
        runs: ScheduledRuns,
        turns: Turns,
        clock: Callable[[], datetime],
        manifest: Callable[[str], Manifest | None],
        runnable: Callable[[Manifest], Runnable],
        answers: Callable[[Manifest], bool],
        mask: Callable[[str, int], str] = lambda text, _: text,
    ) -> None:
        self._home = home
        self._file = home / "schedules.json"
        self._service = service
        self._runs = runs
        self._turns = turns
        self._clock = clock
        self._read_manifest = manifest
        self._runnable = runnable
        self._answers = answers
        self._mask = mask
        self._active = _stored(self._file)
        self._decided: dict[str, datetime] = {}
        self._installed: tuple[str, Manifest | None] = ("", None)

    def tick(self, turn: Turn | None, report: HostReport) -> None:
        """Record the ends of runs, and begin those that are due in this minute."""
        self.watch()
        manifest, minute = self._manifest(report), minute_of(self._clock())
        for name, schedule in manifest.schedules.items() if manifest else ():
            if manifest and self._decided.get(name) != minute and is_due(schedule.cron, minute):
                due = Due(name, schedule, minute, manifest)
                self._attempt(name, partial(self._compete, due, turn, report))

    def watch(self) -> None:
        """Record the ends of runs."""
        for each in self._active:
            self._attempt(each.run.schedule, partial(self._watch, each))

    def go_on(self) -> None:
        """Take an interruption back from the runs that still live: nothing has ended them."""
        self._save(
            [
                replace(each, interrupted="") if each.process and each.process.lives() else each
                for each in self._active
            ]
        )

    def interrupt(self, reason: str) -> None:
        """Note what ends the runs that go on, before it does."""
        self._save([replace(each, interrupted=each.interrupted or reason) for each in self._active])

    def _attempt(self, name: str, act: Callable[[], None]) -> None:
        """Act; an error is tried again at the next poll, and holds up nothing else."""
        try:
            act()
        except (LifecycleError, OSError) as error:
            logger.warning("schedule %s: %s", name, error)
        except Exception:
            logger.exception("schedule %s", name)

    def _manifest(self, report: HostReport) -> Manifest | None:
        """Return the manifest of the service that runs; it is read once for each start."""
        if report.boot != self._installed[0]:
            self._installed = report.boot, self._read_manifest(report.installed) if report.boot else None
        return self._installed[1]

    def _compete(self, due: Due, turn: Turn | None, report: HostReport) -> None:
        """Take a due minute, unless this host is out of service or another one has taken it."""
        if self._reason_not_to(turn, report) or not self._answers(due.manifest):
            return  # it may be in service later in this minute
        if self._reason_not_to(self._turns.current(), report) or self._runs.is_quarantined():
            return
        found = self._prepared(due)
        last, now = self._runs.last(due.name), self._clock()
        wanted = claimed(last, due.run(report.host, now))
        if wanted is None or minute_of(now) != due.minute:
            self._decided[due.name] = due.minute
        elif wanted.minute != due.minute:
            if self._runs.replace(last, wanted):
                logger.warning("schedule %s is skipped: %s", due.name, wanted.problems[-1].why)
            self._decided[due.name] = due.minute
        elif isinstance(found, Runnable):
            self._take(due, last, wanted, found)
        else:
            self._refuse(due, last, wanted, found)

    def _prepared(self, due: Due) -> Runnable | str:
        """Return what the command needs to run, or why it cannot begin."""
        try:
            return self._runnable(due.manifest)
        except ConfigUnreadable as error:
            return f"it did not begin: {error}"

    def _refuse(self, due: Due, last: ScheduledRun | None, wanted: ScheduledRun, why: str) -> None:
        """Claim a run that cannot begin as a failed one, so that people are notified."""
        if self._runs.replace(last, replace(wanted.ended(wanted.started_at, why), changes=wanted.changes)):
            logger.warning("schedule %s: %s", due.name, why)
        self._decided[due.name] = due.minute

    def _take(self, due: Due, last: ScheduledRun | None, wanted: ScheduledRun, found: Runnable) -> None:
        """Claim a run and begin it. It is stored first: a claim without an answer is never followed by a start."""
        started = self._service.started
        config = started.config if started else 0
        active = Active(wanted, due.schedule.timeout_seconds, processes.kernel_boot(), config=config)
        self._save([*self._active, active])
        won = self._runs.replace(last, wanted)
        self._decided[due.name] = due.minute
        if won:
            self._begin(active, due.schedule, found)
        else:
            self._forget(active)

    def _reason_not_to(self, turn: Turn | None, report: HostReport) -> str:
        started = self._service.started
        return out_of_service(turn, report, restored=started is not None and started.restored)

    def _begin(self, active: Active, schedule: Schedule, found: Runnable) -> None:
        name, log = active.run.schedule, log_of(self._service.log, active.run.schedule)
        with contextlib.suppress(FileNotFoundError):
            active = self._replace(active, replace(active, output=log.stat().st_size))
        self._exit_file(active).unlink(missing_ok=True)
        logger.info("schedule %s begins for %s", name, active.run.minute)
        self._service.start_beside(
            name,
            TimedCommand(
                schedule.command,
                found.folder,
                {**found.environment, DUE: active.run.minute.isoformat()},
                schedule.timeout_seconds,
                found.manifest.run.stop_seconds,
            ),
            self._exit_file(active),
            lambda process: self._replace(active, replace(active, process=process)),
        )

    def _watch(self, active: Active) -> None:
        if active.process is None:
            self._resolve(active)
            return
        if active.problem is None:
            if active.kernel == processes.kernel_boot() and active.process.lives():
                return
            self._end_members(active, active.process)
            ended = replace(active, problem=self._problem(active), log_tail=self._output(active))
            active = self._replace(active, ended)
        self._record(active)

    def _resolve(self, active: Active) -> None:
        """Settle a run that was stored but did not begin: its claim has failed, or the agent has ended."""
        self._record(replace(active, problem="it did not begin: its agent ended, or the ledger did not answer"))

    def _record(self, active: Active) -> None:
        """Write the end of a run, if the record is still about it."""
        last = self._runs.last(active.run.schedule)
        # A second claim of this minute, after one that was refused, began at another time.
        if last and last.is_same_run(active.run) and last.state is RunState.RUNNING:
            ended = last.ended(self._clock(), active.problem or "", active.log_tail)
            if not self._runs.replace(last, ended):
                return  # a skipped minute was written meanwhile; the next poll reads it
            logger.info("schedule %s ended: %s", active.run.schedule, ended.detail)
        self._forget(active)

    def _problem(self, active: Active) -> str:
        text = (read_or_none(self._exit_file(active)) or "").strip()
        if text in _SUCCESS:
            return ""
        if active.interrupted:
            return active.interrupted  # the end is that of SIGTERM, if the runner still wrote one
        if text in _TIMED_OUT:
            return f"it did not end within {active.timeout_seconds:g} s"
        if text.startswith(run_to_end.SIGNAL):
            return processes.signal_name(int(text.removeprefix(run_to_end.SIGNAL)))
        if text:
            return f"exit code {text.removeprefix(run_to_end.EXIT)}"
        booted = active.kernel != processes.kernel_boot()
        return "its host booted" if booted else "it was killed from outside, so its exit code is not known"

    def _output(self, active: Active) -> str:
        """Return the last lines that this run printed."""
        log = log_of(self._service.log, active.run.schedule)
        content = _from(log, active.output) or _from(older(log), active.output)  # a new start has moved it
        lines = self._mask(content.decode(errors="replace"), active.config).splitlines()
        return "\n".join(line[:500] for line in lines[-_TAIL_LINES:])

    def _end_members(self, active: Active, of: NamedProcess) -> None:
        """Kill what is left of a run whose runner was killed; otherwise the runner has left nothing."""
        if active.kernel != processes.kernel_boot():
            return
        leader = processes.process(of.pid)
        # No pid is used again while it is the number of a session that has members.
        session = of.pid if leader is None or leader.started == of.ticks else -1
        marks = {f"{VARIABLE}={of.name}".encode(), f"{DUE}={active.run.minute.isoformat()}".encode()}
        start = f"{MARK}={self._service.mark}.".encode()
        for found in filter(None, map(processes.process, processes.pids())):
            pairs = set(processes.environment(found.pid))
            if found.session == session or (marks <= pairs and any(pair.startswith(start) for pair in pairs)):
                processes.send(found, signal.SIGKILL)

    def _exit_file(self, active: Active) -> Path:
        return self._home / f"schedule.{active.run.schedule}.exit"

    def _replace(self, old: Active, new: Active) -> Active:
        self._save([new if each.run == old.run else each for each in self._active])
        return new

    def _forget(self, active: Active) -> None:
        self._save([each for each in self._active if each.run != active.run])

    def _save(self, active: list[Active]) -> None:
        if active != self._active:
            write_despite_full_disk(self._file, to_json(tuple(active)))
            self._active = active


def _from(log: Path, begin: int) -> bytes:
    """Return the end of a log from a position on; nothing if it is shorter."""
    try:
        with log.open("rb") as opened:
            size = opened.seek(0, os.SEEK_END)
            opened.seek(max(begin, size - _TAIL_BYTES))
            return opened.read(_TAIL_BYTES)  # it may grow meanwhile, without a bound
    except FileNotFoundError:
        return b""


def _stored(file: Path) -> list[Active]:
    text = read_or_none(file)
    if text is None:
        return []
    source = Source(str(file), "Delete the file; the runs that it names count as failed after their time.")
    return list(from_json(tuple[Active, ...], text, source))

"""Runs of scheduled commands: who may run one, and what becomes of its record at a due minute. Pure.

The agents of a cluster compete for each due minute by one conditional write of the schedule's record (ADR 22). Read
by the queries and by convergence, which tells people of failures.
"""

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from lifecycle.domain.errors import InvalidValue
from lifecycle.domain.fleet.host import HostReport, host_name
from lifecycle.domain.fleet.host_command import Order, Turn

MARGIN = timedelta(minutes=1)
"""The time after a command's timeout and its stop in which its agent still records the end."""
REMEMBERED = 5
AHEAD = timedelta(minutes=10)
"""How far a host's clock may be ahead of another one's."""
LONGEST = timedelta(days=1, minutes=15)
"""The longest time that a run may go on: a day and a stop (servicefile/model.py)."""
MOST_CHANGES = 2**53
_LONGEST_VERSION = 100
_LONGEST_WHY = 2_000
_LONGEST_LOG = 12_000
"""An agent writes 20 lines of 500 characters at most."""
_LONGEST_TEXT = 20_000
"""Above what an agent of before, which cut none of its texts, may have written."""
# As lifecycle.toml allows (servicefile/fields.py).
_NAME = re.compile(r"[a-z][a-z0-9-]{0,23}")
FAILED, SKIPPED, OF_THE_FUTURE = "failed", "skipped", "recorded for the future"
PROBLEMS = (FAILED, SKIPPED, OF_THE_FUTURE)


class RunState(StrEnum):
    """The state of a run; a RUNNING one whose `until` is over was lost with its agent."""

    RUNNING = "RUNNING"
    DONE = "DONE"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class RunProblem:
    """A due minute whose command failed, or that was skipped.

    `what` is one of PROBLEMS. A host writes it, as well as `why` and the log, and may write anything.
    """

    minute: datetime
    host: str
    what: str
    why: str
    log_tail: str = ""


@dataclass(frozen=True, slots=True)
class ScheduledRun:
    """The record of one schedule: its newest run, at the due `minute`.

    `until` is when a run without an end counts as lost. `decided` is the newest due minute that was run or skipped,
    so that none is run twice. `problems` are the newest ones, `succeeded` the due minute of the last success.
    `changes` counts the writes: each is conditional on the one before.
    """

    schedule: str
    minute: datetime
    host: str
    version: str
    state: RunState
    started_at: datetime
    until: datetime
    decided: datetime
    changes: int = 1
    ended_at: datetime | None = None
    detail: str = ""
    succeeded: datetime | None = None
    problems: tuple[RunProblem, ...] = ()

    def checked(self) -> "ScheduledRun":
        """Return the record; raises InvalidValue for one that no agent writes: a host may write anything."""
        if not _NAME.fullmatch(self.schedule):
            raise InvalidValue("schedule", self.schedule[:60], "at most 24 lower-case letters, digits and hyphens")
        if len(self.problems) > REMEMBERED:
            raise InvalidValue("record of a schedule", f"{len(self.problems)} problems", f"{REMEMBERED} at most")
        if len(self.version) > _LONGEST_VERSION or not self.version.isprintable():
            raise InvalidValue("version", self.version[:60], f"{_LONGEST_VERSION} printable characters at most")
        texts = [self.detail]
        for each in self.problems:
            texts += [each.what, each.why, each.log_tail]
        if (longest := max(map(len, texts))) > _LONGEST_TEXT:
            found = f"a text of {longest} characters"
            raise InvalidValue("record of a schedule", found, f"{_LONGEST_TEXT} at most")
        for host in (self.host, *(each.host for each in self.problems)):
            _ = host_name(host)  # only to refuse it
        return self

    def is_same_run(self, other: "ScheduledRun") -> bool:
        """Return whether both records are about one run, whatever became of it."""
        mine = (self.minute, self.host, self.started_at)
        return mine == (other.minute, other.host, other.started_at)

    def is_possible(self, now: datetime) -> bool:
        """Return False if the record is about the future: a host may write any, and would end the schedule."""
        newest = max(self.minute, self.decided, self.started_at)
        return newest <= now + AHEAD and self.until <= now + LONGEST and self.changes < MOST_CHANGES

    def is_lost(self, now: datetime) -> bool:
        """Return whether nobody recorded the end in time."""
        return self.state is RunState.RUNNING and now > self.until

    def ended(self, now: datetime, problem: str, log_tail: str = "") -> "ScheduledRun":
        """Return the record of the run's end; an empty `problem` is a success."""
        if not problem:
            return self._next(state=RunState.DONE, ended_at=now, detail="exit code 0", succeeded=self.minute)
        why = problem[:_LONGEST_WHY]
        found = RunProblem(self.minute, self.host, FAILED, why, log_tail[:_LONGEST_LOG])
        return self._next(state=RunState.FAILED, ended_at=now, detail=why, problems=self._with(found))

    def skipping(self, minute: datetime) -> "ScheduledRun":
        """Return the record after a due minute at which this run still went on."""
        why = f"the run of {self.minute:%Y-%m-%d %H:%M} UTC on {self.host} was still going on"
        return self._next(decided=minute, problems=self._with(RunProblem(minute, self.host, SKIPPED, why)))

    def all_problems(self, now: datetime) -> tuple[RunProblem, ...]:
        """Return the problems, with that of a lost run or of a record that cannot be true."""
        if not self.is_possible(now):
            return (self._impossibility(now),)
        return self._with(self._loss()) if self.is_lost(now) else self.problems

    def _impossibility(self, now: datetime) -> RunProblem:
        why = (
            f"its record is about {self.decided:%Y-%m-%d %H:%M} UTC, and has {self.changes} changes: a wrong clock, "
            "or somebody who has this host; the next run does not heed it"
        )
        return RunProblem(min(self.minute, now), self.host, OF_THE_FUTURE, why)

    def _loss(self) -> RunProblem:
        why = f"its agent recorded no end until {self.until:%H:%M:%S} UTC: the host or its agent is gone"
        return RunProblem(self.minute, self.host, FAILED, why)

    def _with(self, problem: RunProblem) -> tuple[RunProblem, ...]:
        return (*self.problems, problem)[-REMEMBERED:]

    def _next(self, **changed: object) -> "ScheduledRun":
        return replace(self, changes=self.changes + 1, **changed)  # type: ignore[arg-type]


def claimed(last: ScheduledRun | None, new: ScheduledRun) -> ScheduledRun | None:
    """Return what a host writes to take a due minute: `new`, or that it is skipped; None if it is decided already.

    The write must be conditional on `last`.
    """
    if last is None:
        return new
    if not last.is_possible(new.started_at):
        return replace(new, problems=last.all_problems(new.started_at))
    if last.decided >= new.minute:
        return None
    if last.state is RunState.RUNNING and not last.is_lost(new.started_at):
        return last.skipping(new.minute)
    return replace(
        new, changes=last.changes + 1, succeeded=last.succeeded, problems=last.all_problems(new.started_at)
    )


def out_of_service(turn: Turn | None, report: HostReport, *, restored: bool) -> str:
    """Return why a host may not begin a scheduled command; empty if it may.

    `restored`: its version was installed to tell a bad host from a bad version, and gets no requests.
    """
    if turn is None:
        return "no deployment has reached this host"
    if turn.order is not Order.IDLE and (turn.order is not Order.PREFETCH or turn.leaving):
        return f"{turn.deployment} has this host in its turn"
    if restored:
        return "its version is here for a diagnosis only"
    if not report.running:
        return report.not_running
    return "" if report.has_passed(report.digest) else "its version has not passed its self-test on this start"

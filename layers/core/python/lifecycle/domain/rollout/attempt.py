"""Attempts: one try on one host, its progress, and the cause of a failure.

Written by `next_step` when it hands a host out, before any stage runs, so that a stage that breaks leaves an
attempt behind (docs/adr/0016). The stages (application/rollout/stage_guard.py, stages.py) and `diagnose` move
it on; every decision reads it.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from lifecycle.domain.fleet.epoch import Epoch
from lifecycle.domain.fleet.target_group import Group
from lifecycle.domain.rollout.execution import Visit
from lifecycle.domain.time_format import lasting, moment


class AttemptState(StrEnum):
    """The progress of one try on one host."""

    STARTED = "STARTED"
    DRAINED = "DRAINED"
    INSTALLED = "INSTALLED"
    SELF_TESTED = "SELF_TESTED"
    REGISTERED = "REGISTERED"
    ALIVE = "ALIVE"
    FAILED = "FAILED"
    RELEASED = "RELEASED"  # the end of an attempt that only runs the release command

    @property
    def ended(self) -> bool:
        return self in (self.ALIVE, self.FAILED, self.RELEASED)


_RANKS = {state: rank for rank, state in enumerate(AttemptState)}


class ReleaseRun(StrEnum):
    """Knowledge about a run of the release command; NONE in an attempt that runs none."""

    NONE = ""
    NOT_KNOWN = "NOT_KNOWN"  # it may have run: also while it runs, and where its end is on no record
    FAILED = "FAILED"  # it ended without success, or was never begun
    PASSED = "PASSED"


@dataclass(frozen=True, slots=True)
class ReleaseNote:
    """A deployment's release command as its record has it: the command, and the newest of its runs.

    `command` is empty in a deployment that runs none, `host` before the first run. `ended_at` is None while it runs.
    `counted` says that a human counts it as run.
    """

    command: str = ""
    timeout_seconds: float = 0.0
    run: ReleaseRun = ReleaseRun.NONE
    host: str = ""
    attempt: int = 0
    runs: int = 0
    began_at: datetime | None = None
    ended_at: datetime | None = None
    counted: bool = False

    def sentence(self, *, over: bool) -> str:
        """Return the newest run in words; empty if nothing has run. `over`: its deployment has ended."""
        if self.began_at is None:
            return ""
        number = f"run {self.runs}, " if self.runs > 1 else ""
        at = f"{number}on {self.host} at {moment(self.began_at)} UTC"
        if self.ended_at is None and not over:
            return f"running, {at}"
        if self.ended_at is None or self.run is ReleaseRun.NOT_KNOWN:
            counted = "; a person counts it as run" if self.counted else ""
            return f"not known whether it ran, {at}{counted}"
        took = lasting(max(0.0, (self.ended_at - self.began_at).total_seconds()))
        return f"{self.run.lower()}, {at}, after {took}"


NO_RELEASE = ReleaseNote()


class Blame(StrEnum):
    """The cause of a failed attempt, found by trying the previous version on the same host."""

    NONE = ""  # not diagnosed, or not yet
    HOST = "HOST"  # the previous version fails there too
    VERSION = "VERSION"  # the previous version passes there
    UNCLEAR = "UNCLEAR"  # the diagnosis did not find it


@dataclass(frozen=True, slots=True)
class HostAttempt:
    """One try on one host. `reached` is the last state before a failure; `evidence` the host's own log.

    `unreachable` marks a failure because the agent became unreachable; such failures are counted apart.
    `diagnosis` is the sentence behind `blame`. `group` is the target group that the host registers in. A
    control is not updated, but restarted on the version that it has (domain/rollout/test_bed/hosts.py).
    `round` is the pass of `execution` that handed it out, and `diagnosed_in` the one that asked for a diagnosis.
    An attempt with a `release` runs the release command, and changes nothing else on its host (release.py).
    """

    deployment: str
    host: str
    number: int
    epoch: Epoch
    execution: str
    started_at: datetime
    state: AttemptState = AttemptState.STARTED
    reached: AttemptState = AttemptState.STARTED
    reason: str = ""
    evidence: str = ""
    finished_at: datetime | None = None
    unreachable: bool = False
    blame: Blame = Blame.NONE
    diagnosis: str = ""
    group: Group = Group.MAIN
    round: int = 0
    diagnosed_in: Visit | None = None
    release: ReleaseRun = ReleaseRun.NONE

    @property
    def visit(self) -> Visit:
        """The pass that handed it out."""
        return Visit(self.execution, self.round)

    @property
    def progress_rank(self) -> int:
        """The rank of this record. Records of one attempt only move to a later rank; all ends have the last."""
        return _RANKS[AttemptState.ALIVE if self.state.ended else self.state]


@dataclass(frozen=True, slots=True)
class UnreadableAttempt(HostAttempt):
    """An attempt that cannot be read: it counts as failed, and `reason` says where it is."""

"""One try on one host, how far it got, and who is to blame when it failed.

Written by the stages (application/rollout/stage_guard.py, stages.py) and by `diagnose`; read by every decision.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from lifecycle.domain.fleet.target_group import Group


class AttemptState(StrEnum):
    """How far one try on one host got."""

    STARTED = "STARTED"
    DRAINED = "DRAINED"
    INSTALLED = "INSTALLED"
    SELF_TESTED = "SELF_TESTED"
    REGISTERED = "REGISTERED"
    ALIVE = "ALIVE"
    FAILED = "FAILED"

    @property
    def ended(self) -> bool:
        return self in (self.ALIVE, self.FAILED)


_RANKS = {state: rank for rank, state in enumerate(AttemptState)}


class Blame(StrEnum):
    """What a failed attempt is owed to, once the previous version was tried on the same host."""

    NONE = ""  # not asked, or not yet
    HOST = "HOST"  # the previous version fails there too
    VERSION = "VERSION"  # the previous version passes there
    UNCLEAR = "UNCLEAR"  # it could not be told


@dataclass(frozen=True, slots=True)
class HostAttempt:
    """One try on one host. `reached` is the last state before a failure; `evidence` the host's own log.

    `unreachable` says that it failed because the agent fell silent, which is counted apart. `diagnosis` is the
    sentence behind `blame`. `group` is the target group that it registers in; a control is not updated, but
    restarted on the version that it has (domain/rollout/test_bed/hosts.py).
    """

    deployment: str
    host: str
    number: int
    epoch: int
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

    @property
    def progress_rank(self) -> int:
        """Records of one attempt only ever move to a later rank; both ends are the last one."""
        return _RANKS[AttemptState.ALIVE if self.state.ended else self.state]

    def may_replace(self, stored: "HostAttempt") -> bool:
        """Whether this record may be written over that one: of two ends the first stands."""
        return stored.state is self.state or stored.progress_rank < self.progress_rank

"""Host commands: the turns that the control plane gives to a host.

Written by the stages of a rollout, read by the host's agent.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple

from lifecycle.domain.fleet.epoch import Epoch
from lifecycle.domain.service.target import Target


class Order(StrEnum):
    """Actions that a turn permits to its host."""

    IDLE = "IDLE"  # nothing any more in this epoch; poll slowly
    PREFETCH = "STAND_BY"  # fetch and check the version; touch nothing that runs (agents know this value)
    RELEASE = "RELEASE"  # run the version's release command once; touch nothing that runs
    INSTALL = "INSTALL"  # stop the service, switch to the version, start it, self-test it
    RESTORE = "RESTORE"  # the same with the previous version, to tell a bad host from a bad version

    @property
    def in_words(self) -> str:
        """Return the word that people read, which is the name of today and not the stored value."""
        return self.name.lower()

    @property
    def progress_rank(self) -> int:
        """The position among the orders of one attempt. A later order is never replaced by an earlier one."""
        return _RANKS[self]


_RANKS = {order: rank for rank, order in enumerate(Order)}


class TurnRank(NamedTuple):
    """The rank of a turn among those of its host; the end of an epoch's turns is the last of that epoch."""

    epoch: int
    ends_epoch: bool
    attempt: int
    order: int


@dataclass(frozen=True, slots=True)
class Turn:
    """The permission for one host to act, under one epoch; written by the control plane, read by the agent.

    A turn is identified by (epoch, attempt). After `expires_at` the agent does not begin it. Every host of a
    plan prefetches under attempt 0. Attempt 1 or later means that its turn is near, and the agent polls
    quickly. `config` is the revision of the configuration to run the version with; 0 is none. `leaving`: the host is
    about to be drained, so it begins no scheduled command. `manifest` is the sha256 of the version's manifest; empty
    from a control plane of before. `bakes`: the deployment has a test bed, so the host is measured. `goes_back`: the
    version may be older than one that the host ran; None from a control plane of before, which does not say.
    """

    host: str
    order: Order
    deployment: str
    epoch: Epoch
    attempt: int
    version: str
    digest: str
    issued_at: datetime
    expires_at: datetime
    config: int = 0
    leaving: bool = False
    manifest: str = ""
    bakes: bool = False
    goes_back: bool | None = None

    @property
    def target(self) -> Target:
        return Target(self.version, self.digest, self.config, self.manifest)

    @property
    def progress_rank(self) -> TurnRank:
        """The rank of this turn; it never replaces a turn of a higher rank."""
        return TurnRank(self.epoch, self.order is Order.IDLE, self.attempt, self.order.progress_rank)


_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class UnreadableTurn(Turn):
    """The turn of a host that cannot be read beside its epoch; `why` says where it is. It is never stored."""

    why: str = ""

    @classmethod
    def of(cls, host: str, epoch: int, why: str) -> "UnreadableTurn":
        """Return the turn that stands in for the stored one."""
        return cls(
            host, Order.IDLE, "", epoch, 0, version="", digest="", issued_at=_NEVER, expires_at=_NEVER, why=why
        )


@dataclass(frozen=True, slots=True)
class RefusedTurn:
    """A turn that was not written, because its host holds one of a higher rank."""

    turn: Turn
    held: Turn

    @property
    def is_repeat(self) -> bool:
        """Return whether the host holds a later order of the same attempt, so that nothing is missing."""
        mine, held = self.turn, self.held
        return held.order is not Order.IDLE and (held.epoch, held.attempt) == (mine.epoch, mine.attempt)

    @property
    def reason(self) -> str:
        """Return why the turn was refused, and what to do."""
        mine, held = self.turn, self.held
        if isinstance(held, UnreadableTurn):
            return f"{mine.host} holds a command of epoch {held.epoch}, this has epoch {mine.epoch}; {held.why}"
        if held.epoch > mine.epoch:
            found = f"{mine.host} holds a command of epoch {held.epoch} ({held.deployment})"
            why = f"this deployment has epoch {mine.epoch}"
            return f"{found}, {why}: abort it and deploy again, which takes a higher epoch"
        if held.order is Order.IDLE:
            return f"the commands of {mine.deployment} were withdrawn: it has ended, or was rolled back"
        return f"{mine.host} holds a command for attempt {held.attempt}, this is attempt {mine.attempt}: decide RETRY"

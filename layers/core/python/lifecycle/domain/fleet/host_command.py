"""Host commands: the turns that the control plane gives to a host.

Written by the stages of a rollout, read by the host's agent.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class Order(StrEnum):
    """Actions that a turn permits to its host."""

    IDLE = "IDLE"  # nothing any more in this epoch; poll slowly
    PREFETCH = "STAND_BY"  # fetch and check the version; touch nothing that runs (agents know this value)
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
    quickly.
    """

    host: str
    order: Order
    deployment: str
    epoch: int
    attempt: int
    version: str
    digest: str
    issued_at: datetime
    expires_at: datetime

    @property
    def progress_rank(self) -> TurnRank:
        """The rank of this turn; it never replaces a turn of a higher rank."""
        return TurnRank(self.epoch, self.order is Order.IDLE, self.attempt, self.order.progress_rank)

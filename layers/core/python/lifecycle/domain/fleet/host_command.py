"""Host commands: the turns that the control plane gives to a host.

Written by the stages of a rollout, read by the agent of the host.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class Order(StrEnum):
    """What a turn lets its host do."""

    IDLE = "IDLE"  # nothing any more in this epoch; poll slowly
    PREFETCH = "STAND_BY"  # fetch and check the version; touch nothing that runs (agents know this value)
    INSTALL = "INSTALL"  # stop the service, switch to the version, start it, self-test it
    RESTORE = "RESTORE"  # the same with the previous version, to tell a bad host from a bad version

    @property
    def progress_rank(self) -> int:
        """The rank within one attempt; a later order is never replaced by an earlier one."""
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
    """Permission for one host to act, under one epoch; written by the control plane, read by the agent.

    A turn is told from another by (epoch, attempt). After `expires_at` the agent does not begin it. Every host of
    a plan stands by under attempt 0; attempt 1 or later means that its turn is near, and it polls quickly.
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
        """A turn never replaces one of a higher rank."""
        return TurnRank(self.epoch, self.order is Order.IDLE, self.attempt, self.order.progress_rank)

"""Host commands: the turns that the control plane gives to a host.

Written by the stages of a rollout, read by the agent of the host.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Order(StrEnum):
    """What a turn lets its host do."""

    IDLE = "IDLE"  # nothing; poll slowly
    PREFETCH = "STAND_BY"  # fetch and check the version; touch nothing that runs (agents know this value)
    INSTALL = "INSTALL"  # stop the service, switch to the version, start it, self-test it
    RESTORE = "RESTORE"  # the same with the previous version, to tell a bad host from a bad version

    @property
    def place(self) -> int:
        """The order of orders within one attempt: a later one is never replaced by an earlier one."""
        return _PLACES[self]


_PLACES = {order: place for place, order in enumerate(Order)}


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

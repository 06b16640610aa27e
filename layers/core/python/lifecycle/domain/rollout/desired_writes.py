"""The writes of a deployment to the registry, each on record before it happens (docs/adr/0020).

A part of the deployment's record, written by plan.py and finish.py. provenance.py compares the registry with it.
"""

from dataclasses import dataclass, replace

from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.fleet.epoch import Epoch

# A deployment writes twice, and once more for each lost lease. A record has a limited size.
INTENDED_LIMIT = 20


@dataclass(frozen=True, slots=True)
class DesiredWrites:
    """The desired versions that a deployment set out to write, and the epoch under which it surely wrote one.

    A write that was lost may have happened or not. So `intended` explains what is found, and `confirmed` alone
    shows that something is missing or older. It is 0 until a write is confirmed.
    """

    intended: tuple[Desired, ...] = ()
    confirmed: Epoch = 0

    def intending(self, desired: Desired) -> "DesiredWrites":
        """Return these writes with one more that is about to happen; the oldest make way for it."""
        if desired in self.intended:
            return self
        return replace(self, intended=(*self.intended, desired)[-INTENDED_LIMIT:])

    def confirming(self, epoch: int) -> "DesiredWrites":
        """Return these writes after one of this epoch has happened."""
        return replace(self, confirmed=max(self.confirmed, epoch))


NO_WRITES = DesiredWrites()

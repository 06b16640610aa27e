"""Stores that were set back: a restored ledger or parameter that lacks what happened since.

Convergence would take such a record for drift, and bring an older version back. It waits for a human instead.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.fleet.host import HostReport
from lifecycle.domain.rollout.deployment import Deployment
from lifecycle.domain.rollout.epochs import NO_EPOCH, RecordedEpoch, recorded_epochs
from lifecycle.domain.rollout.lease import Lease


@dataclass(frozen=True, slots=True)
class SetBack:
    """The stores of one cluster that were set back, each with the reason, or empty.

    `newest` is the newest epoch of the desired version and of most hosts, which a restored ledger does not have.
    """

    ledger: str = ""
    desired: str = ""
    newest: RecordedEpoch = NO_EPOCH

    @property
    def reason(self) -> str:
        """Return the reason to wait for a human, with what to do; empty if there is none."""
        why = self.ledger or self.desired
        return f"{why}; `lifecycle deploy` the version that you want" if why else ""


IN_STEP = SetBack()


def set_back(
    desired: Desired | None, reports: Mapping[str, HostReport], lease: Lease, recent: Sequence[Deployment]
) -> SetBack:
    """Compare the epochs of the ledger with those of the desired version and of the hosts."""
    newest = recorded_epochs(desired, reports, {}, ()).established
    known = max([lease.epoch, *(each.epoch for each in recent)])
    ledger = newest.reason(known, "the ledger") if newest.epoch > known else ""
    if desired is None:
        return SetBack(ledger, "", newest)
    # A repair of some hosts may leave the desired version as it is.
    begun = [each for each in recent if not each.request.only and each.id != desired.deployment]
    later = recorded_epochs(None, {}, {}, begun).established
    behind = later.reason(desired.epoch, "the desired version") if later.epoch > desired.epoch else ""
    return SetBack(ledger, behind, newest)

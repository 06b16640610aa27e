"""A ledger that was set back: restored to an earlier time, it lacks what happened since.

Convergence would take such records for drift, and bring an older version back. It waits for a human instead. A
desired version that was set back is nobody's (domain/rollout/provenance.py).
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
    """The comparison of a cluster's stores: `ledger` says why the ledger was set back, or is empty.

    `newest` is the newest epoch that is established. If the ledger was set back, it does not have that one.
    """

    ledger: str = ""
    newest: RecordedEpoch = NO_EPOCH

    @property
    def reason(self) -> str:
        """Return the reason to wait for a human, with what to do."""
        return f"{self.ledger}; `lifecycle deploy` the version that you want"


IN_STEP = SetBack()


def set_back(
    desired: Desired | None,
    reports: Mapping[str, HostReport],
    lease: Lease,
    recent: Sequence[Deployment],
    named: Deployment | None,
) -> SetBack:
    """Compare the epochs of the ledger with those of the desired version and of the hosts.

    `named` is the record of the deployment that `desired` names. A version that a person wrote shows nothing.
    """
    newest = recorded_epochs(desired, reports, {}, recent, named).established
    records = (*recent, *([named] if named else []))
    # A plan that was refused after it had the lease has no epoch, but has claimed one.
    known = max([lease.epoch, *(max(each.epoch, each.claimed) for each in records)])
    return SetBack(newest.reason(known, "the ledger") if newest.epoch > known else "", newest)

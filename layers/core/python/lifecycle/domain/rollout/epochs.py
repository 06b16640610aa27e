"""The newest epoch of a cluster, which is recorded in more places than its lease.

The lease is one item. It may be deleted, or the ledger restored to an earlier time. The desired version, the
commands, the reports and the deployments have epochs too, and an agent never acts under a lower one than
before. Used by `plan` and by rollbacks, which take the lease, and by convergence.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.fleet.host import HostReport
from lifecycle.domain.rollout.deployment import Deployment


@dataclass(frozen=True, slots=True)
class RecordedEpoch:
    """An epoch, and the record that has it."""

    epoch: int = 0
    where: str = "no record"

    def reason(self, epoch: int, of: str) -> str:
        """Return the sentence about `of`, which has the older `epoch`."""
        return f"{of} has epoch {epoch}, but {self.where} has epoch {self.epoch}: a store was set back"


NO_EPOCH = RecordedEpoch()


def newest_epoch(
    desired: Desired | None,
    reports: Mapping[str, HostReport],
    commands: Mapping[str, int],
    deployments: Iterable[Deployment],
) -> RecordedEpoch:
    """Return the highest epoch of these records; `commands` has the epoch of each host's command."""
    found = [NO_EPOCH]
    if desired is not None:
        found.append(RecordedEpoch(desired.epoch, "the desired version"))
    found += [RecordedEpoch(each.epoch, f"deployment {each.id}") for each in deployments]
    found += [RecordedEpoch(report.epoch, f"the report of {host}") for host, report in reports.items()]
    found += [RecordedEpoch(epoch, f"the command of {host}") for host, epoch in commands.items()]
    return max(found, key=lambda each: each.epoch)

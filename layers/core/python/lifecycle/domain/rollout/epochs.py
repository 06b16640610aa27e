"""The epochs of a cluster, which are recorded in more places than its lease.

The lease is one item. It may be deleted, or the ledger restored to an earlier time. The desired version, the
commands, the reports and the deployments have epochs too, and an agent never acts under a lower one than
before. Used by `plan` and by rollbacks, which take the lease, and by convergence.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.fleet.host import HostReport
from lifecycle.domain.rollout.deployment import Deployment

# No cluster has so many deployments. A record that has more is wrong, and must not use up the numbers.
IMPLAUSIBLE = 10**12


@dataclass(frozen=True, slots=True)
class RecordedEpoch:
    """An epoch, and the record that has it."""

    epoch: int = 0
    where: str = "no record"

    def reason(self, epoch: int, of: str) -> str:
        """Return the sentence about `of`, which has the older `epoch`."""
        return f"{of} has epoch {epoch}, but {self.where} has epoch {self.epoch}: a store was set back"


NO_EPOCH = RecordedEpoch()


@dataclass(frozen=True, slots=True)
class Epochs:
    """The epochs of all records beside the lease.

    A new epoch exceeds `highest`, whichever record has it. `established` is the highest that one host alone
    cannot have made up: it shows that the lease or a deployment is from an earlier time.
    """

    highest: int = 0
    established: RecordedEpoch = NO_EPOCH


def recorded_epochs(
    desired: Desired | None,
    reports: Mapping[str, HostReport],
    commands: Mapping[str, int],
    deployments: Iterable[Deployment],
) -> Epochs:
    """Return the epochs of these records; `commands` has the epoch of each host's command."""
    found = [NO_EPOCH]
    if desired is not None and desired.epoch < IMPLAUSIBLE:
        found.append(RecordedEpoch(desired.epoch, "the desired version"))
    known = tuple(deployments)
    found += [RecordedEpoch(each.epoch, f"deployment {each.id}") for each in known]
    found += [RecordedEpoch(epoch, f"the command of {host}") for host, epoch in commands.items()]
    found.append(_of_most_hosts(reports))
    established = max(found, key=lambda each: each.epoch)
    acted = [report.epoch for report in reports.values() if report.epoch < IMPLAUSIBLE]
    return Epochs(max([established.epoch, *acted, *(each.claimed for each in known)]), established)


def highest_of_others(deployment: str, recent: Iterable[Deployment]) -> int:
    """Return the highest epoch that a deployment other than this one has, or has claimed."""
    return max((max(each.epoch, each.claimed) for each in recent if each.id != deployment), default=0)


def _of_most_hosts(reports: Mapping[str, HostReport]) -> RecordedEpoch:
    """Return the epoch that more than half of the hosts have reached."""
    acted = sorted(report.epoch for report in reports.values() if report.epoch < IMPLAUSIBLE)
    return RecordedEpoch(acted[(len(acted) - 1) // 2], "the report of most hosts") if acted else NO_EPOCH

"""The epochs of a cluster, which are recorded in more places than its lease.

The lease is one item. It may be deleted, or the ledger restored to an earlier time. The desired version, the
commands, the reports and the deployments have epochs too, and an agent never acts under a lower one than
before. Used by `plan` and by rollbacks, which take the lease, and by convergence.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.fleet.epoch import CREDIBLE, LARGEST_EPOCH, STEP
from lifecycle.domain.fleet.host import HostReport
from lifecycle.domain.rollout.deployment import NEVER, Deployment, requested_at

# A deployment that began may take so many more, one for each lease that it loses.
_RESERVED = 1000
_LIE = "which no deployment had, so it is not believed: stop its agent, delete its state.json and its report"


@dataclass(frozen=True, slots=True)
class RecordedEpoch:
    """An epoch, and the record that has it."""

    epoch: int = 0
    where: str = "no record"

    def reason(self, epoch: int, of: str) -> str:
        """Return the sentence about `of`, which has the older `epoch`."""
        return f"{of} has epoch {epoch}, but {self.where} has epoch {self.epoch}: a store was set back"

    def way_out(self, epoch: int, of: str) -> str:
        """Return the same for people, with what to do."""
        return f"{self.reason(epoch, of)}; `lifecycle deploy` the version that you want"


NO_EPOCH = RecordedEpoch()


@dataclass(frozen=True, slots=True)
class Epochs:
    """The epochs of all records beside the lease.

    A new epoch exceeds `newest`, whichever record has it. One host alone, or a person who edits the desired version,
    raises that by STEP at most. `established` is the newest that neither can have made up. It shows that the lease or
    a deployment is from an earlier time. `changed_by_hand` is the desired version that shows nothing, though its
    epoch is higher. `disbelieved` says which hosts report more than STEP above all that others show.
    """

    newest: RecordedEpoch = NO_EPOCH
    established: RecordedEpoch = NO_EPOCH
    changed_by_hand: Desired | None = None
    disbelieved: tuple[str, ...] = ()

    @property
    def highest(self) -> int:
        return self.newest.epoch

    def used_up(self, lease: int) -> str:
        """Return why no deployment may begin, as almost no epochs are left; empty if enough are."""
        newest = max(RecordedEpoch(lease, "the lease"), self.newest, key=lambda each: each.epoch)
        if newest.epoch <= LARGEST_EPOCH - _RESERVED:
            return ""
        wrong = f"{newest.where} has epoch {newest.epoch}, and {LARGEST_EPOCH} is the last"
        return f"{wrong}: no cluster has so many deployments, so correct or delete that record"


def recorded_epochs(
    desired: Desired | None,
    reports: Mapping[str, HostReport],
    commands: Mapping[str, int],
    deployments: Iterable[Deployment],
    named: Deployment | None,
) -> Epochs:
    """Return the epochs of these records; `commands` has the epoch of each host's command.

    `named` is the record of the deployment that `desired` names.
    """
    known = [*deployments, *([named] if named else [])]
    wanted = RecordedEpoch(desired.epoch, "the desired version") if desired else NO_EPOCH
    by_hand = desired is not None and _is_by_hand(desired, named, known)
    found = [RecordedEpoch(each.epoch, f"deployment {each.id}") for each in known]
    found += [RecordedEpoch(epoch, f"the command of {host}") for host, epoch in commands.items()]
    credible = max(CREDIBLE, _newest(found).epoch + STEP)
    found = [NO_EPOCH if by_hand or wanted.epoch > credible else wanted, *found]
    established = _newest([*found, _of_most_hosts(reports, credible, _newest(found).epoch + STEP)])
    claims = [RecordedEpoch(each.claimed, f"the claim of deployment {each.id}") for each in known]
    shown = _newest([established, *claims])
    # Anybody may edit a parameter, and a host writes its own report.
    limit, said = shown.epoch + STEP, [RecordedEpoch(each.epoch, _report(host)) for host, each in reports.items()]
    newest = _newest([shown, *(each for each in (wanted, *said) if each.epoch <= limit)])
    disbelieved = tuple(f"{each.where} has epoch {each.epoch}, {_LIE}" for each in said if each.epoch > limit)
    edited = desired if by_hand and wanted.epoch > established.epoch else None
    return Epochs(newest, established, edited, disbelieved)


def _report(host: str) -> str:
    return f"the report of {host}"


def _newest(found: Iterable[RecordedEpoch]) -> RecordedEpoch:
    return max(found, key=lambda each: each.epoch, default=NO_EPOCH)


def _is_by_hand(desired: Desired, named: Deployment | None, known: Iterable[Deployment]) -> bool:
    """Return whether the ledger has not just lost what wrote this desired version.

    The deployment that it names is on record, and none on record set out to write it; or no deployment has its name.
    """
    if named is None:
        return requested_at(desired.deployment) == NEVER
    return not any(desired in each.known_writes.intended for each in known)


def highest_of_others(deployment: str, recent: Iterable[Deployment]) -> int:
    """Return the highest epoch that a deployment other than this one has, or has claimed."""
    return max((max(each.epoch, each.claimed) for each in recent if each.id != deployment), default=0)


def _of_most_hosts(reports: Mapping[str, HostReport], credible: int, of_one: int) -> RecordedEpoch:
    """Return the epoch that more than half of the hosts have reached; at most `of_one` if there is one host."""
    acted = sorted(report.epoch for report in reports.values() if report.epoch <= credible)
    if not acted or (len(acted) == 1 and acted[0] > of_one):
        return NO_EPOCH
    return RecordedEpoch(acted[(len(acted) - 1) // 2], "the report of most hosts")

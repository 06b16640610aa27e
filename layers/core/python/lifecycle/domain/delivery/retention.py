"""Retention: decide which stored versions of a service stay, and which may be deleted.

Called by application/delivery/collect_garbage.py before each deletion. A version stays for the first reason
that is found; an unknown fact is such a reason, too. A release is deleted only after its snapshot. So a claimed
release without bytes beside a stored snapshot always means an unfinished promotion.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from lifecycle.domain.errors import InvalidValue
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.fleet.host import AgentStage, HostReport
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState
from lifecycle.domain.rollout.lease import Lease
from lifecycle.domain.service.version import ReleaseVersion, SnapshotVersion, parse_version
from lifecycle.domain.service.withdrawal import not_withdrawn
from lifecycle.domain.time_format import lasting

# A publication writes the artifact first, then its manifest; it takes less than this.
LEAST_AGE = timedelta(hours=1)
_SETTLED = (AgentStage.IDLE, AgentStage.FETCHING, AgentStage.READY, AgentStage.RELEASED, AgentStage.DONE)


@dataclass(frozen=True, slots=True)
class Stored:
    """A version in the bucket: the size of artifact and manifest, and the later time of the two writes."""

    version: str
    bytes: int
    modified: datetime
    has_manifest: bool


@dataclass(frozen=True, slots=True)
class RetentionRules:
    """The number of newest versions that always stay, and the age below which every version stays.

    Raises InvalidValue.
    """

    snapshots: int
    releases: int
    age: timedelta

    def __post_init__(self) -> None:
        for count in (self.snapshots, self.releases):
            if count < 1:
                raise InvalidValue("number of versions to retain", str(count), "at least 1")
        if self.age < LEAST_AGE:
            raise InvalidValue(
                "minimum age",
                lasting(self.age.total_seconds()),
                f"at least {lasting(LEAST_AGE.total_seconds())}, so that no running publication is deleted",
            )


@dataclass(frozen=True, slots=True)
class ClusterUse:
    """The versions that one cluster may need.

    `deployments` are its newest ones, newest first; all of them, if `complete`. `waiting` is the version of
    the pending deployment.
    """

    cluster: Cluster
    desired: Desired | None
    lease: Lease
    waiting: str | None
    deployments: Sequence[Deployment]
    complete: bool
    reports: Mapping[str, HostReport]
    quarantined: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A cluster of which something could not be read, and why."""

    cluster: Cluster
    why: str


@dataclass(frozen=True, slots=True)
class Inventory:
    """The stored versions of a service, its catalogue, and the use by its clusters.

    `snapshots` are the recorded ones. `releases` are the claimed ones, each with the snapshot that it is made
    from. `withdrawn` are those of them that nobody may deploy, so none of the rules about releases is for them.
    """

    stored: Sequence[Stored]
    snapshots: frozenset[str]
    releases: Mapping[str, str]
    uses: Sequence[ClusterUse | Unreadable]
    withdrawn: Collection[str] = ()

    @property
    def not_withdrawn(self) -> Mapping[str, str]:
        """The releases that were not withdrawn, each with its snapshot."""
        return not_withdrawn(self.releases, self.withdrawn)


@dataclass(frozen=True, slots=True)
class Retained:
    """A version that stays, and the first reason for it."""

    version: str
    why: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Deletable:
    """A version that may be deleted, and why."""

    version: str
    why: str
    bytes: int


Retention: TypeAlias = Retained | Deletable
_Reasons: TypeAlias = Iterator[tuple[str, str]]


def retain(inventory: Inventory, rules: RetentionRules, now: datetime) -> list[Retention]:
    """Decide on every stored version.

    The order is the order to delete in: snapshots, then releases, each from the oldest on.
    """
    stored = sorted(inventory.stored, key=lambda each: _order(each.version))
    reasons: dict[str, str] = {}
    for version, why in _reasons(inventory, rules, now):
        reasons.setdefault(version, why)
    decisions: list[Retention] = []
    retained: set[str] = set()
    for each in stored:
        snapshot = inventory.not_withdrawn.get(each.version, "")
        why = reasons.get(each.version) or (f"its snapshot {snapshot} is retained" if snapshot in retained else "")
        if why:
            retained.add(each.version)
            decisions.append(Retained(each.version, why, each.bytes))
        else:
            decisions.append(Deletable(each.version, _no_use(each, inventory, rules, now), each.bytes))
    return decisions


def _order(version: str) -> tuple[bool, str, tuple[int, ...], str]:
    match parse_version(version):
        case SnapshotVersion() as snapshot:
            return False, snapshot.built, (), version
        case ReleaseVersion(major, minor, patch):
            return True, "", (major, minor, patch), version


def _is_release(version: str) -> bool:
    return isinstance(parse_version(version), ReleaseVersion)


def _reasons(inventory: Inventory, rules: RetentionRules, now: datetime) -> _Reasons:
    """Yield every reason to retain a version, the strongest first."""
    every = [each.version for each in inventory.stored]
    for use in inventory.uses:
        match use:
            case Unreadable(cluster, why):
                yield from ((version, f"{cluster} could not be read: {why}") for version in every)
            case ClusterUse():
                yield from _used(use, every, inventory.withdrawn)
    yield from _by_promotion(inventory)
    yield from _newest(inventory, rules)
    for each in inventory.stored:
        if now - each.modified < rules.age:
            yield each.version, f"younger than {_days(rules.age)}"


def _used(use: ClusterUse, every: Sequence[str], withdrawn: Collection[str]) -> _Reasons:
    if use.desired:
        yield use.desired.version, f"desired in {use.cluster}"
    for host, report in sorted(use.reports.items()):
        yield report.installed, f"installed on {host} of {use.cluster}"
    yield from _by_deployments(use, every)
    for version, why in (*_by_rollbacks(use, every), *_by_unknown_hosts(use)):
        if version not in withdrawn:  # no rollback goes there, and a removed service has no hosts
            yield version, why


def _by_deployments(use: ClusterUse, every: Iterable[str]) -> _Reasons:
    if use.waiting:
        yield use.waiting, f"waits to be deployed to {use.cluster}"
    holder = use.lease.deployment
    for each in use.deployments:
        if not each.state.final or each.id == holder:
            yield each.target.version, f"being deployed by {each.id}, {each.state}"
            if each.previous:
                yield each.previous.version, f"the rollback target of {each.id}, {each.state}"
    if holder and holder not in {each.id for each in use.deployments}:
        why = f"{holder} holds the lease of {use.cluster}, and its version is not recorded yet"
        yield from ((version, why) for version in every)


def _by_rollbacks(use: ClusterUse, every: Iterable[str]) -> _Reasons:
    """Yield the last two verified versions, and the last two of them that are not quarantined.

    A failed deployment rolls back to the first; a rollback of the first needs the second.
    """
    done = [each.target.version for each in use.deployments if each.state is DeploymentState.DONE]
    verified = list(dict.fromkeys(done))
    good = [version for version in verified if version not in use.quarantined]
    for version in (*verified[:2], *good[:2]):
        yield version, f"needed for a rollback of {use.cluster}"
    if len(good) < 2 and not use.complete:
        why = f"a version needed for a rollback of {use.cluster} is older than the deployments that were read"
        yield from ((version, why) for version in every)


def _by_unknown_hosts(use: ClusterUse) -> _Reasons:
    """Yield versions that hosts of unknown state may run.

    A host of the last plan without a report may run any version that it was ever given. A host at work may
    run any version on its disk.
    """
    planned = use.deployments[0].hosts if use.deployments else ()
    for host in sorted(set(planned) - set(use.reports)):
        for each in use.deployments:
            if host in each.hosts:
                why = f"{host} of {use.cluster} has no report, and may run it since {each.id}"
                yield each.target.version, why
                yield (each.previous or each.target).version, why
    for host, report in sorted(use.reports.items()):
        if report.stage not in _SETTLED or (report.running and not report.installed):
            why = f"on the disk of {host} of {use.cluster}, which does not report its running version"
            yield from ((version, why) for version in report.releases)


def _by_promotion(inventory: Inventory) -> _Reasons:
    published = {each.version for each in inventory.stored if each.has_manifest}
    for release, snapshot in inventory.not_withdrawn.items():
        if release not in published:
            yield snapshot, f"its promotion to {release} is not finished"
    for each in inventory.stored:
        if _is_release(each.version) and each.version not in inventory.releases:
            yield each.version, "a release that is not in the catalogue"


def _newest(inventory: Inventory, rules: RetentionRules) -> _Reasons:
    whole = [each.version for each in inventory.stored if each.has_manifest]
    whole.sort(key=_order, reverse=True)
    releases = [version for version in whole if version in inventory.not_withdrawn]
    snapshots = [each for each in whole if each in inventory.snapshots and each not in inventory.withdrawn]
    yield from ((version, f"one of the newest {rules.releases} releases") for version in releases[: rules.releases])
    for version in snapshots[: rules.snapshots]:
        yield version, f"one of the newest {rules.snapshots} snapshots"


def _no_use(stored: Stored, inventory: Inventory, rules: RetentionRules, now: datetime) -> str:
    age = _days(now - stored.modified)
    if not stored.has_manifest:
        return f"bytes without a manifest, {age} old"
    if stored.version in inventory.withdrawn:
        return f"withdrawn, {age} old"
    if _is_release(stored.version):
        return f"used nowhere, not one of the newest {rules.releases} releases, {age} old"
    if stored.version not in inventory.snapshots:
        return f"used nowhere, built but never recorded, {age} old"
    return f"used nowhere, not one of the newest {rules.snapshots} snapshots, {age} old"


def _days(age: timedelta) -> str:
    return f"{age.days} days" if age >= timedelta(days=2) else f"{age // timedelta(hours=1)} hours"

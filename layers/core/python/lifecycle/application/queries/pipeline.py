"""The pipeline from push to production, a lane a service: what was built, promoted, deployed, and what waits.

Drawn by functions/console/show_pipeline; reads only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lifecycle.application.ports.cluster_queries import Catalogued, Delivery
from lifecycle.application.queries.clusters import ClusterSight, look
from lifecycle.application.queries.context import Console, in_parallel
from lifecycle.application.queries.scope import Page, Wanted, chosen, paged
from lifecycle.domain.delivery.delivery_name import DeliveryName
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.freezes import Freeze
from lifecycle.domain.service.version import ReleaseVersion, SnapshotVersion

# One that ended well, and those that were refused, superseded or repaired some hosts after it.
_RECENT = 4


@dataclass(frozen=True, slots=True)
class Built:
    """A snapshot: its version, branch and commit, and the release that it became, if any."""

    version: str
    branch: str
    commit: str
    release: str


@dataclass(frozen=True, slots=True)
class Lane:
    """One service. `push` is its newest run, `built` its newest snapshot, `release` its highest release."""

    service: str
    push: Delivery | None
    built: Built | None
    release: str
    staging: ClusterSight | None
    production: ClusterSight | None


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The lanes of one page, and every freeze that stands."""

    lanes: tuple[Lane, ...]
    freezes: tuple[Freeze, ...]
    page: Page


def pipeline(console: Console, wanted: Wanted) -> Pipeline:
    """Those whose lease is held come first; raises Unknown, InvalidName."""
    clusters, services = chosen(console, wanted)
    held = console.sights.held(clusters)
    busy = {each.service for each in clusters if held[each].lease.deployment}
    names = sorted({each.service for each in clusters}, key=lambda name: (name not in busy, name))
    shown, page = paged(names, wanted, services)
    sights = {each.cluster: each for each in look(console, _of(clusters, shown), held, _RECENT)}
    catalogued = in_parallel(console.sights.catalogued, shown)
    pushes = console.sights.deliveries()
    lanes = (_lane(name, found, sights, pushes) for name, found in zip(shown, catalogued, strict=True))
    return Pipeline(tuple(lanes), tuple(console.context.freezes.standing()), page)


def _of(clusters: Sequence[Cluster], services: Sequence[str]) -> list[Cluster]:
    return [each for each in clusters if each.service in services]


def _lane(
    service: str, found: Catalogued, sights: Mapping[Cluster, ClusterSight], pushes: Sequence[Delivery]
) -> Lane:
    staging, production = (sights.get(Cluster(name, service)) for name in ("staging", "production"))
    return Lane(
        service=service,
        push=_push(service, found.snapshots, pushes),
        built=_newest(found.snapshots, found.releases),
        release=max(found.releases, key=ReleaseVersion.parse, default=""),
        staging=staging,
        production=production,
    )


def _newest(snapshots: Mapping[str, Mapping[str, str]], releases: Mapping[str, str]) -> Built | None:
    newest = max(snapshots, key=lambda each: (SnapshotVersion.parse(each).built, each), default="")
    if not newest:
        return None
    promoted = {snapshot: release for release, snapshot in releases.items()}
    facts = snapshots[newest]
    return Built(newest, facts.get("branch", ""), facts.get("commit", ""), promoted.get(newest, ""))


def _push(
    service: str, snapshots: Mapping[str, Mapping[str, str]], pushes: Sequence[Delivery]
) -> Delivery | None:
    """The newest run of a repository of the service's name, or of a commit that became one of its snapshots."""
    commits = {facts.get("commit", "") for facts in snapshots.values()}
    for push in pushes:
        name = DeliveryName.parse(push.name)
        if name and (name.repository == service or name.commit in commits):
            return push
    return None

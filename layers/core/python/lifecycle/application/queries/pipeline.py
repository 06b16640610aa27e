"""The pipeline from push to production: a lane for each service.

Read by functions/console/show_pipeline; reads only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from lifecycle.application.delivery.heads import UNKNOWN, Head, head_of
from lifecycle.application.ports.cluster_queries import Catalog, Delivery
from lifecycle.application.queries.clusters import ClusterView, desired_quarantined, view_clusters
from lifecycle.application.queries.context import QueryContext, in_parallel
from lifecycle.application.queries.permissions import deploy_permission
from lifecycle.application.queries.scope import Page, Scope, clusters_in, page_of
from lifecycle.application.readable import Rows, readable
from lifecycle.domain.delivery.delivery_name import DeliveryName
from lifecycle.domain.delivery.refused_push import refusals_in_words
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.listing import listed
from lifecycle.domain.rollout.actions import Action, ActionFacts, Permission, permission
from lifecycle.domain.rollout.freezes import Freeze
from lifecycle.domain.service.target import Target
from lifecycle.domain.service.version import ReleaseVersion, SnapshotVersion
from lifecycle.domain.service.withdrawal import not_withdrawn

# Enough for one that ended DONE, and for those refused, superseded or repaired after it.
_RECENT = 4
# The most older releases to choose from; `lifecycle releases` has all of them.
_OLDER = 20


@dataclass(frozen=True, slots=True)
class Built:
    """A snapshot: its version, branch and commit, and the release that it became, if any.

    `not_of_head` says where its branch is, if that has no snapshot.
    """

    version: str
    branch: str
    commit: str
    release: str
    not_of_head: str = ""


@dataclass(frozen=True, slots=True)
class Lane:
    """One service: its newest delivery, the snapshot of its head, its highest release and its clusters.

    A withdrawn release is left out. Where the head has no snapshot, or nobody knows it, the newest one is shown.
    `older` are the other releases that production may go to, the newest first. `may_stage` is about the snapshot,
    `may_release` about the release; `may_promote` about the snapshot again. `quarantined` says what of each
    cluster's desired version is quarantined and why.
    """

    service: str
    push: Delivery | None
    built: Built | None
    release: str
    staging: ClusterView | None
    production: ClusterView | None
    may_stage: Permission | None = None
    may_release: Permission | None = None
    may_promote: Permission | None = None
    older: tuple[str, ...] = ()
    quarantined: Mapping[Cluster, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PipelineView:
    """The lanes of one page, every freeze, and a sentence about refused pushes; empty for none."""

    lanes: tuple[Lane, ...]
    freezes: tuple[Freeze, ...]
    page: Page
    unreadable: tuple[str, ...] = ()
    refused: str = ""


def view_pipeline(query: QueryContext, scope: Scope) -> PipelineView:
    """Return a page of lanes, those with a running deployment first; raises Unknown, InvalidName."""
    clusters, services = clusters_in(query, scope)
    leases = query.cluster_queries.leases_and_queues(clusters)
    busy = {each.service for each in clusters if leases[each].lease.deployment}
    names = sorted({each.service for each in clusters}, key=lambda name: (name not in busy, name))
    shown, page = page_of(names, scope, services)
    wanted = [each for each in clusters if each.service in shown]
    views = {each.cluster: each for each in view_clusters(query, wanted, leases, _RECENT, executions=True)}
    catalogued = in_parallel(query.cluster_queries.catalog, shown)
    pushes = query.cluster_queries.deliveries()
    rows = Rows()
    heads = in_parallel(
        lambda each: readable(lambda: _head(query, *each), UNKNOWN), zip(shown, catalogued, strict=True)
    )
    for _, errors in heads:
        rows.add(map(str, errors))
    found = zip(shown, catalogued, heads, strict=True)
    freezes = tuple(query.context.freezes.all())
    bare = [_lane(name, catalog, head, views, pushes) for name, catalog, (head, _) in found]
    lanes = in_parallel(lambda each: _judged(query, each, freezes), bare)
    for view in views.values():
        rows.add(view.unreadable)
    for catalog in catalogued:
        rows.add(catalog.unreadable)
    refused = refusals_in_words(rows.read(query.catalogue.refused_pushes, ()), query.context.clock.now())
    return PipelineView(tuple(lanes), freezes, page, rows.all(), refused)


def _head(query: QueryContext, service: str, found: Catalog) -> Head:
    return head_of(query.catalogue, service, not_withdrawn(found.snapshots, found.withdrawn))


def _lane(
    service: str, found: Catalog, head: Head, views: Mapping[Cluster, ClusterView], pushes: Sequence[Delivery]
) -> Lane:
    releases = not_withdrawn(found.releases, found.withdrawn)
    staging, production = (views.get(Cluster(name, service)) for name in ("staging", "production"))
    serves = production.verified.version if production and production.verified else ""
    ordered = sorted(releases, key=ReleaseVersion.parse, reverse=True)
    return Lane(
        service=service,
        push=_push(service, found.snapshots, pushes),
        built=_built(not_withdrawn(found.snapshots, found.withdrawn), releases, head),
        release=next(iter(ordered), ""),
        older=tuple([each for each in ordered[1:] if each != serves][:_OLDER]),
        staging=staging,
        production=production,
    )


def _judged(query: QueryContext, lane: Lane, freezes: Sequence[Freeze]) -> Lane:
    """Return the lane with the permission of each action that it offers."""

    def may(view: ClusterView | None, version: str) -> Permission | None:
        return deploy_permission(query.context, view, version, freezes) if view and version else None

    built = lane.built
    facts = (
        ActionFacts(query.context.clock.now(), target=Target(built.version, ""), release=built.release)
        if built
        else None
    )
    views = (view for view in (lane.staging, lane.production) if view)
    return replace(
        lane,
        may_stage=may(lane.staging, built.version if built else ""),
        may_release=may(lane.production, lane.release),
        may_promote=permission(Action.PROMOTE, facts) if facts else None,
        quarantined={view.cluster: desired_quarantined(query.context, view) for view in views},
    )


def _built(snapshots: Mapping[str, Mapping[str, str]], releases: Mapping[str, str], head: Head) -> Built | None:
    newest = max(snapshots, key=lambda each: (SnapshotVersion.parse(each).built, each), default="")
    if not (shown := head.snapshot or newest):
        return None
    promoted = {snapshot: release for release, snapshot in releases.items()}
    facts, elsewhere = snapshots[shown], "" if head.snapshot else listed(head.branches)
    return Built(shown, facts.get("branch", ""), facts.get("commit", ""), promoted.get(shown, ""), elsewhere)


def _push(service: str, snapshots: Mapping[str, Mapping[str, str]], pushes: Sequence[Delivery]) -> Delivery | None:
    """Return the newest delivery of the service's repository, or of the commit of one of its snapshots."""
    commits = {facts.get("commit", "") for facts in snapshots.values()}
    for push in pushes:
        name = DeliveryName.parse(push.name)
        if name and (name.delivers(service) or (not name.service and name.commit in commits)):
            return push
    return None

"""Test beds: those that bake, or the newest of each cluster.

Read by functions/console/show_test_bed; reads only.
"""

from dataclasses import dataclass

from lifecycle.application.queries.clusters import newest_deployments, view_busy_clusters
from lifecycle.application.queries.context import QueryContext, in_parallel
from lifecycle.application.queries.scope import Page, Scope, clusters_in
from lifecycle.application.readable import Rows
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.deployment import Deployment
from lifecycle.domain.rollout.test_bed.model import BedState, TestBed

# The newest deployments of a cluster among which a test bed is searched.
_BEDS_AMONG = 5


@dataclass(frozen=True, slots=True)
class TestBedView:
    """A test bed, and the deployment that it belongs to."""

    bed: TestBed
    deployment: Deployment


@dataclass(frozen=True, slots=True)
class TestBedsView:
    """The test beds that bake, or else the newest of each cluster that had one recently."""

    beds: tuple[TestBedView, ...]
    page: Page
    unreadable: tuple[str, ...] = ()


def view_test_beds(query: QueryContext, scope: Scope) -> TestBedsView:
    """Return at most four test beds, one for each cluster; raises Unknown, InvalidName."""
    clusters, services = clusters_in(query, scope)
    views = view_busy_clusters(query, clusters, _BEDS_AMONG)
    asked_for = [each for each in newest_deployments(views) if each.policy.bake_minutes > 0]
    deployments = asked_for[: 2 * _BEDS_AMONG]
    found = in_parallel(lambda each: _newest_bed(query, each), deployments)
    shown = [each for each, _ in found if each]
    rows = Rows()
    for view in views:
        rows.add(view.unreadable)
    for _, unreadable in found:
        rows.add(unreadable)
    baking = [each for each in shown if each.bed.state is BedState.BAKING]
    newest: dict[Cluster, TestBedView] = {}
    for each in baking or shown:
        newest.setdefault(each.deployment.cluster, each)
    return TestBedsView(tuple(newest.values())[:4], Page(1, 1, services), rows.all())


def _newest_bed(query: QueryContext, deployment: Deployment) -> tuple[TestBedView | None, tuple[str, ...]]:
    rows = Rows()
    found = rows.read(lambda: query.context.deployments.beds(deployment.id), ())
    return TestBedView(found[-1], deployment) if found else None, rows.all()

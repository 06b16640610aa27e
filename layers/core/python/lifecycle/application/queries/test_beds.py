"""Test beds: those that bake, and the newest judged one of each cluster, whatever was deployed after it.

Read by functions/console/show_test_bed; reads only.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from lifecycle.application.queries.context import QueryContext, in_parallel
from lifecycle.application.queries.scope import Page, Scope, clusters_in, page_of
from lifecycle.application.readable import Rows
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.decision import Question
from lifecycle.domain.rollout.deployment import Deployment, Kind
from lifecycle.domain.rollout.test_bed.model import BedState, TestBed

# Deployments that are read of a cluster: more, where its policy asks for a test bed and none was found among them.
_DEPTHS = (25, 250, 2_500)
# Test beds with their charts in one widget.
SHOWN = 4


@dataclass(frozen=True, slots=True)
class TestBedView:
    """A test bed, the deployment that it belongs to, and its questions if it bakes."""

    bed: TestBed
    deployment: Deployment
    questions: tuple[Question, ...] = ()

    @property
    def is_evidence(self) -> bool:
        """Return whether it bakes or was judged. One that ended without a verdict says nothing of its version."""
        return self.bed.state is BedState.BAKING or self.bed.judgement is not None

    __test__ = False  # for pytest: this is not a test


@dataclass(frozen=True, slots=True)
class TestBedsView:
    """The test beds of a page of clusters, those that bake first; `more` counts those that are not shown."""

    beds: tuple[TestBedView, ...]
    page: Page
    unreadable: tuple[str, ...] = ()
    more: int = 0

    __test__ = False  # for pytest: this is not a test


def view_test_beds(query: QueryContext, scope: Scope) -> TestBedsView:
    """Return at most four test beds, one for each cluster; raises Unknown, InvalidName."""
    clusters, services = clusters_in(query, scope)
    leases = query.cluster_queries.leases_and_queues(clusters)
    ordered = sorted(clusters, key=lambda each: (not leases[each].lease.deployment, each.service, each))
    shown, page = page_of(ordered, scope, services)
    rows = Rows()
    found = in_parallel(partial(_newest, query), shown)
    for _, unreadable in found:
        rows.add(unreadable)
    beds = [each for each, _ in found if each]
    beds.sort(key=lambda each: (each.bed.state is BedState.BAKING, each.bed.began_at), reverse=True)
    return TestBedsView(tuple(beds[:SHOWN]), page, rows.all(), max(0, len(beds) - SHOWN))


def _newest(query: QueryContext, cluster: Cluster) -> tuple[TestBedView | None, tuple[str, ...]]:
    """Return the newest test bed of a cluster that bakes or was judged, else the newest of all."""
    rows, before = Rows(), 0
    newest: TestBedView | None = None
    for depth in _DEPTHS:
        read = partial(query.context.deployments.recent_without_hosts, cluster, depth)
        recent: Sequence[Deployment] = rows.read(read, ())
        for deployment in filter(_asked_for, recent[before:]):
            found = rows.read(partial(query.context.deployments.beds, deployment.id), ())
            newest = newest or (TestBedView(found[-1], deployment) if found else None)
            for bed in reversed(found):
                if (view := TestBedView(bed, deployment)).is_evidence:
                    return _with_questions(query, view, rows), rows.all()
        if len(recent) < depth or not any(map(_wants, recent)):
            break
        before = len(recent)
    return newest, rows.all()


def _with_questions(query: QueryContext, view: TestBedView, rows: Rows) -> TestBedView:
    """Return a test bed that bakes with the questions of its deployment: it may have asked."""
    if view.bed.state is not BedState.BAKING:
        return view
    found = rows.read(partial(query.context.deployments.questions, view.deployment.id), ())
    return replace(view, questions=tuple(found))


def _wants(deployment: Deployment) -> bool:
    return deployment.policy.bake_minutes > 0


def _asked_for(deployment: Deployment) -> bool:
    """Return whether it may have had a test bed: repairs and rollbacks have none, nor do those that never began."""
    return _wants(deployment) and deployment.request.kind is Kind.DEPLOY and deployment.epoch > 0

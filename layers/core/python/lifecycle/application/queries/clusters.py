"""What the console looks at: many clusters at once, in few reads, none of which changes anything.

The base of the read models that functions/console/show_* draw: which clusters stand, which of them a widget is about, and
how each stands. A look mixes moments a few milliseconds apart; whoever presses a button is checked against the
records anew (application/console_actions.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lifecycle.application.ports.cluster_queries import LeaseAndQueue
from lifecycle.application.queries.context import QueryContext, in_parallel
from lifecycle.application.queries.scope import PAGE
from lifecycle.application.rollout.observe import remembered, verifies
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.decision import Question, open_questions
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState
from lifecycle.domain.rollout.lease import Lease
from lifecycle.domain.rollout.queue import PendingDeployment
from lifecycle.domain.service.target import Target


@dataclass(frozen=True, slots=True)
class ClusterView:
    """One cluster: its newest deployments, the one that has its lease, and what that one waits for."""

    cluster: Cluster
    lease: Lease
    waiting: PendingDeployment | None
    recent: tuple[Deployment, ...]
    running: Deployment | None
    pending: tuple[Question, ...]

    @property
    def verified(self) -> Target | None:
        """The version that was last seen on every host, among the newest deployments."""
        return next((each.target for each in self.recent if verifies(each)), None)

    @property
    def standing(self) -> str:
        """How it undoable, in words; a button says what it was drawn from, and is refused when that has changed."""
        told = [
            f"{self.cluster} runs {self.verified.version if self.verified else 'nothing that was verified'}"
        ]
        told += [f"{self.lease.deployment} deploys there"] if self.lease.deployment else []
        told += [f"{self.waiting.request.deployment} waits"] if self.waiting else []
        return ", ".join(told)

    @property
    def unsettled(self) -> Deployment | None:
        """What ended last, if it did not end well: the cluster may be left between two versions."""
        if self.running is not None or self.lease.deployment:
            return None
        began = (each for each in self.recent if each.epoch > 0 and each.state.final)
        last = next(began, None)
        return last if last and last.state is not DeploymentState.DONE else None


def view_clusters(
    query: QueryContext, clusters: Sequence[Cluster], leases: Mapping[Cluster, LeaseAndQueue], recent: int
) -> tuple[ClusterView, ...]:
    """How each of these undoable, with its newest deployments."""
    return tuple(in_parallel(lambda each: _view(query, each, leases[each], recent), clusters))


def _view(query: QueryContext, cluster: Cluster, leases: LeaseAndQueue, recent: int) -> ClusterView:
    deployments = query.context.deployments
    newest = tuple(deployments.recent(cluster, recent))
    if len(newest) >= recent and not any(map(verifies, newest)):
        # Repairs, and what was queued, refused or failed, may have pushed it off the short page.
        newest = tuple(remembered(query.context, cluster))
    holder = leases.lease.deployment
    running = next((each for each in newest if each.id == holder), None)
    if holder and running is None:
        running = deployments.get(cluster, holder)
    asked = deployments.questions(holder) if running else ()
    return ClusterView(
        cluster, leases.lease, leases.waiting, newest, running, tuple(open_questions(running, asked))
    )


def _busy_or_first(query: QueryContext, clusters: Sequence[Cluster], recent: int) -> tuple[ClusterView, ...]:
    """Those whose lease is leases, or, where nothing runs, the first of the clusters that are asked about."""
    leases = query.cluster_queries.leases_and_queues(clusters)
    busy = [each for each in clusters if leases[each].lease.deployment]
    shown = (busy or list(clusters))[: 2 * PAGE]
    return view_clusters(query, shown, leases, recent if len(shown) <= 2 else 1)


def _latest(views: Sequence[ClusterView]) -> list[Deployment]:
    """What runs, the newest first; then what has begun and ended, the newest first."""
    every = {each.id: each for view in views for each in (view.running, *view.recent) if each}
    running = {view.running.id for view in views if view.running}
    begun = [each for each in every.values() if each.epoch > 0 or each.id in running]
    return sorted(begun, key=lambda each: (each.id in running, each.started_at, each.id), reverse=True)

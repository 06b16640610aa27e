"""The state of clusters: their leases, their newest deployments, and what those wait for.

Read by the other queries, by the console's actions and by `lifecycle status`; reads only. Records are read a few
milliseconds apart, so an action checks them again before it changes anything (application/console_actions.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

from lifecycle.application.context import Context
from lifecycle.application.ports.cluster_queries import LeaseAndQueue
from lifecycle.application.queries.context import QueryContext, in_parallel
from lifecycle.application.queries.scope import PAGE
from lifecycle.application.queries.state_words import (
    DEPLOYMENTS,
    INTERRUPTED,
    PLANNING,
    STOPPED_BY_HAND,
    UNREADABLE,
    Status,
)
from lifecycle.application.readable import Rows
from lifecycle.application.rollout.observe import changed_a_host, recent_deployments, verifies
from lifecycle.domain.errors import CallFailed
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.decision import Question, open_questions
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState, Kind, requested_at
from lifecycle.domain.rollout.execution import ExecutionEnd
from lifecycle.domain.rollout.lease import Lease, UnreadableLease
from lifecycle.domain.rollout.queue import PendingDeployment
from lifecycle.domain.service.target import Target

# Newest deployments of a cluster, where a view asks for no other number.
RECENT = 5


@dataclass(frozen=True, slots=True)
class ClusterState:
    """The verified pair, the holder of the lease and the queued deployment; empty where there is none.

    A deploy button carries its token, and is refused when the cluster has another state.
    """

    verified: str
    lease_holder: str
    queued: str

    @property
    def token(self) -> str:
        return f"{self.verified}|{self.lease_holder}|{self.queued}"

    @classmethod
    def parse(cls, token: str) -> "ClusterState | None":
        """Return the state that a token was made of; None for any other text."""
        parts = token.split("|")
        return cls(*parts) if len(parts) == len(fields(cls)) else None

    def in_words(self, cluster: Cluster) -> str:
        """Return a sentence such as "production/hello runs 1.0.0, hello-…-ab12 waits"."""
        parts = [f"{cluster} runs {self.verified or 'nothing that was verified'}"]
        parts += [f"{self.lease_holder} deploys there"] if self.lease_holder else []
        parts += [f"{self.queued} waits"] if self.queued else []
        return ", ".join(parts)


@dataclass(frozen=True, slots=True)
class ClusterView:
    """One cluster: its lease, its pending slot, its newest deployments and its pending decisions.

    `running` is the record of the lease's holder; None before it is planned. `last` is the deployment whose version
    the cluster should run, also while it runs. `interrupted` is the end of `running`'s execution, where it was read.
    `unreadable` has a row for each record that cannot be read.
    """

    cluster: Cluster
    lease: Lease
    waiting: PendingDeployment | None
    recent: tuple[Deployment, ...]
    running: Deployment | None
    last: Deployment | None
    pending: tuple[Question, ...]
    interrupted: ExecutionEnd | None = None
    unreadable: tuple[str, ...] = ()

    @property
    def verified(self) -> Target | None:
        """The version that was last verified on every host, by the newest deployments."""
        return next((each.target for each in self.recent if verifies(each)), None)

    @property
    def state(self) -> ClusterState:
        """The facts that a deploy button is drawn from."""
        return ClusterState(
            verified=self.verified.in_words if self.verified else "",
            lease_holder=self.lease.deployment,
            queued=self.waiting.request.deployment if self.waiting else "",
        )

    @property
    def last_not_done(self) -> Deployment | None:
        """The last deployment, if it did not end DONE and no other runs: hosts may run two versions."""
        free = not self.lease.deployment
        return self.last if free and self.last and self.last.state is not DeploymentState.DONE else None

    @property
    def refused(self) -> Deployment | None:
        """The newest request, if it was refused before it began: nothing else shows that it is not coming."""
        asked = [each for each in self.recent if each.request.kind is not Kind.CONVERGE]
        newest = max(asked, key=lambda each: (requested_at(each.id), each.id), default=None)
        return newest if newest and newest.state is DeploymentState.REFUSED else None

    @property
    def status(self) -> Status | None:
        """The state of the deployment that runs, else of the last one, if it did not end DONE."""
        if self.interrupted:
            return STOPPED_BY_HAND if self.interrupted.by_hand else INTERRUPTED
        if shown := self.running or self.last_not_done:
            return DEPLOYMENTS[shown.state]
        if self.lease.deployment:
            return UNREADABLE if self.unreadable else PLANNING
        return None


def view_clusters(
    query: QueryContext,
    clusters: Sequence[Cluster],
    leases: Mapping[Cluster, LeaseAndQueue],
    recent: int,
    *,
    executions: bool = False,
) -> tuple[ClusterView, ...]:
    """Return each of these clusters, with this many of its newest deployments or more.

    `executions`: read also how the execution of each running deployment ended, with a call for each.
    """

    def view(each: Cluster) -> ClusterView:
        return view_cluster(query.context, each, leases[each], recent, executions=executions)

    return tuple(in_parallel(view, clusters))


def view_cluster(
    context: Context,
    cluster: Cluster,
    read: LeaseAndQueue | None = None,
    recent: int = RECENT,
    *,
    executions: bool = False,
) -> ClusterView:
    """Return one cluster; `read` is its lease and its pending slot, where they were read before."""
    deployments, rows = context.deployments, Rows()
    if read is None:
        waiting = rows.read(lambda: context.queue.waiting(cluster), None)
        read = LeaseAndQueue(context.leases.current(cluster), waiting)
    lease = read.lease
    rows.add(read.unreadable)
    if isinstance(lease, UnreadableLease):
        rows.add([lease.why])
    newest = tuple(rows.read(lambda: deployments.recent_without_hosts(cluster, recent), ()))
    if len(newest) >= recent and not any(map(verifies, newest)):
        # Repairs, and what was queued, refused or failed, may have pushed it off the short page.
        newest = tuple(recent_deployments(context, cluster))
    holder = lease.deployment
    running = next((each for each in newest if each.id == holder), None)
    if holder and running is None:
        running = rows.read(lambda: deployments.get(cluster, holder), None)
    questions = rows.read(lambda: deployments.questions(holder), ()) if running else ()
    return ClusterView(
        cluster=cluster,
        lease=lease,
        waiting=read.waiting,
        recent=newest,
        running=running,
        last=_last(context, newest),
        pending=tuple(open_questions(running, questions)),
        interrupted=interruption(context, running) if executions else None,
        unreadable=rows.all(),
    )


def desired_quarantined(context: Context, view: ClusterView) -> str:
    """Return what of the last deployment's version is quarantined and why; empty for nothing.

    Convergence repairs no drift from it.
    """
    target = view.last.target if view.last else None
    return target.quarantined_in(context.fleet.quarantined(view.cluster)) if target else ""


def interruption(context: Context, running: Deployment | None) -> ExecutionEnd | None:
    """Return how the execution of a deployment ended that goes on by its record; one call, or none at rest.

    None also where AWS throttles the call: a view must not fail for it.
    """
    if running is None or running.state.final or running.state is DeploymentState.QUEUED:
        return None
    try:
        return context.executions.rollout_end(running.execution)
    except CallFailed as error:
        if not error.temporary:
            raise
        return None


def _last(context: Context, recent: Sequence[Deployment]) -> Deployment | None:
    """Return the deployment whose version the cluster should run, of its newest ones.

    The ledger is read instead of the registry, because SSM answers an account slowly. A repair of some hosts changes
    no desired version, and a deployment that ended before its first host gives it back (rollout/finish.py).
    """
    began = [each for each in recent if each.epoch and not each.request.only]
    last = max(began, key=lambda each: each.epoch, default=None)
    if last is None or not last.state.final or last.state is DeploymentState.DONE or last.previous is None:
        return last
    if changed_a_host(context, last):
        return last
    return next((each for each in recent if each.target == last.previous), last)


def view_busy_clusters(query: QueryContext, clusters: Sequence[Cluster], recent: int) -> tuple[ClusterView, ...]:
    """Return the clusters whose lease is held, else the first of all, up to two pages of them."""
    leases = query.cluster_queries.leases_and_queues(clusters)
    busy = [each for each in clusters if leases[each].lease.deployment]
    shown = (busy or list(clusters))[: 2 * PAGE]
    return view_clusters(query, shown, leases, recent if len(shown) <= 2 else 1)


def newest_deployments(views: Sequence[ClusterView]) -> list[Deployment]:
    """Return the deployments that run, then those that began and ended, each the newest first."""
    every = {each.id: each for view in views for each in (view.running, *view.recent) if each}
    running = {view.running.id for view in views if view.running}
    begun = [each for each in every.values() if each.epoch > 0 or each.id in running]
    return sorted(begun, key=lambda each: (each.id in running, each.started_at, each.id), reverse=True)

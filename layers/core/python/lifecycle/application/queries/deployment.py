"""The view of one deployment: its hosts, attempts, decisions and audit entries.

Drawn by functions/console/show_deployment; reads only.
"""

from dataclasses import dataclass
from datetime import datetime

from lifecycle.application.queries.clusters import _busy_or_first, _latest
from lifecycle.application.queries.context import QueryContext
from lifecycle.application.queries.scope import Page, Scope, clusters_in
from lifecycle.application.rollout import observe
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.monitoring.audit import AuditEntry
from lifecycle.domain.rollout.attempt import HostAttempt
from lifecycle.domain.rollout.decision import Question, open_questions
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState, cluster_of

# A deployment of 40 hosts writes some 400 lines; the newest are shown.
AUDIT_ENTRIES = 500


_RECENT = 10


_OTHERS = 6


@dataclass(frozen=True, slots=True)
class DeploymentView:
    """One deployment as far as it got.

    `has_lease` says whether it has the cluster's lease, `stands` that it is the newest to have begun, that it
    ended well or was aborted, and that nothing runs there: what a rollback would undo.
    """

    deployment: Deployment
    has_lease: bool
    undoable: bool
    attempts: tuple[HostAttempt, ...]
    questions: tuple[Question, ...]
    audit_entries: tuple[AuditEntry, ...]

    @property
    def pending(self) -> list[Question]:
        """What it waits for."""
        return open_questions(self.deployment, self.questions)

    def began(self) -> datetime:
        """When its first host was tried, or when it was asked for."""
        return min((each.started_at for each in self.attempts), default=self.deployment.started_at)


@dataclass(frozen=True, slots=True)
class DeploymentsView:
    """The deployment that is looked at, if there is one; `others` to choose from; `chosen` if it was named."""

    shown: DeploymentView | None
    others: tuple[Deployment, ...]
    chosen: bool
    page: Page


def view_deployments(query: QueryContext, scope: Scope, deployment: str = "") -> DeploymentsView:
    """The one that was named, else one that runs, else the newest; raises Unknown, InvalidName.

    One that was named before another service was chosen is let be.
    """
    found = None
    if deployment and scope.covers(cluster := cluster_of(deployment)):
        found = observe.deployment(query.context, cluster, deployment)
        scope = Scope(cluster.service, cluster.environment)
    clusters, services = clusters_in(query, scope)
    ordered = _latest(_busy_or_first(query, clusters, _RECENT))
    shown = found or next(iter(ordered), None)
    others = tuple(each for each in ordered if shown and each.id != shown.id)
    view = _view(query, shown) if shown else None
    return DeploymentsView(view, others[:_OTHERS], found is not None, Page(1, 1, services))


def _view(query: QueryContext, deployment: Deployment) -> DeploymentView:
    context = query.context
    attempts, questions = context.deployments.attempts_and_questions(deployment.id)
    trail = context.audit_log.read(deployment.cluster, deployment.started_at, AUDIT_ENTRIES)
    holder = context.leases.current(deployment.cluster).deployment
    return DeploymentView(
        deployment=deployment,
        has_lease=holder == deployment.id,
        undoable=not holder and _newest_begun(query, deployment.cluster) == deployment.id,
        attempts=tuple(attempts),
        questions=tuple(questions),
        audit_entries=tuple(each for each in trail if each.deployment == deployment.id),
    )


def _newest_begun(query: QueryContext, cluster: Cluster) -> str:
    begun = (each for each in query.context.deployments.recent(cluster, _RECENT) if each.epoch > 0)
    newest = next((each for each in begun if not each.request.only), None)
    undone = (DeploymentState.DONE, DeploymentState.ABORTED)
    return newest.id if newest and newest.state in undone else ""

"""One deployment: its hosts, attempts, decisions and audit entries.

Read by functions/console/show_deployment; reads only.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from lifecycle.application.queries.clusters import (
    interruption,
    newest_deployments,
    view_busy_clusters,
    view_cluster,
)
from lifecycle.application.queries.context import QueryContext
from lifecycle.application.queries.host_status import HostProgress, view_host_progress
from lifecycle.application.queries.permissions import rollback_permission
from lifecycle.application.queries.scope import Page, Scope, clusters_in
from lifecycle.application.readable import Rows
from lifecycle.application.rollout import observe
from lifecycle.domain.monitoring.audit import AuditEntry
from lifecycle.domain.rollout.actions import Action, ActionFacts, Permission, permission
from lifecycle.domain.rollout.attempt import HostAttempt, UnreadableAttempt
from lifecycle.domain.rollout.decision import Question, open_questions
from lifecycle.domain.rollout.deployment import Deployment, cluster_of
from lifecycle.domain.rollout.execution import ExecutionEnd
from lifecycle.domain.rollout.rollback_words import RollbackFacts

# A deployment of 40 hosts writes some 400 audit entries; the newest are shown.
AUDIT_ENTRIES = 500
_RECENT = 10
_OTHERS = 6


@dataclass(frozen=True, slots=True)
class DeploymentView:
    """One deployment as far as it got.

    `has_lease` says that it has the cluster's lease. `is_current`: the cluster should run its version. `may_pause`
    and `may_roll_back` are about it, `may_quarantine` is about its version, and `rollback` is what a rollback would
    bring. `interrupted` is the end of its execution, where the deployment goes on by its record. `unreadable` has a
    row for each unreadable record.
    """

    deployment: Deployment
    has_lease: bool
    is_current: bool
    may_pause: Permission
    may_roll_back: Permission
    may_quarantine: Permission
    rollback: RollbackFacts | None
    hosts: tuple[HostProgress, ...]
    attempts: tuple[HostAttempt, ...]
    questions: tuple[Question, ...]
    interrupted: ExecutionEnd | None
    audit_entries: tuple[AuditEntry, ...]
    unreadable: tuple[str, ...] = ()

    @property
    def pending(self) -> list[Question]:
        """The pending decisions and approvals, the most pressing first."""
        return open_questions(self.deployment, self.questions)

    @property
    def began_at(self) -> datetime:
        """The start of the first attempt, or of the deployment where there is none."""
        return min((each.started_at for each in self.attempts), default=self.deployment.started_at)


@dataclass(frozen=True, slots=True)
class DeploymentsView:
    """The deployment that is shown, if there is one, and `others` to choose from.

    `chosen` says that it was named, and not picked by the query.
    """

    shown: DeploymentView | None
    others: tuple[Deployment, ...]
    chosen: bool
    page: Page


def view_deployments(query: QueryContext, scope: Scope, deployment: str = "") -> DeploymentsView:
    """Return the named deployment, else one that runs, else the newest; raises Unknown, InvalidName.

    A name outside of the scope is ignored: it was chosen before the scope was.
    """
    found = None
    if deployment and scope.covers(cluster := cluster_of(deployment)):
        found = observe.deployment(query.context, cluster, deployment)
        scope = Scope(cluster.service, cluster.environment)
    clusters, services = clusters_in(query, scope)
    ordered = newest_deployments(view_busy_clusters(query, clusters, _RECENT))
    shown = found or next(iter(ordered), None)
    others = tuple(each for each in ordered if shown and each.id != shown.id)
    if shown and not found:  # it was read without its hosts
        shown = observe.deployment(query.context, shown.cluster, shown.id)
    view = _view_deployment(query, shown) if shown else None
    return DeploymentsView(view, others[:_OTHERS], found is not None, Page(1, 1, services))


def _view_deployment(query: QueryContext, deployment: Deployment) -> DeploymentView:
    context, rows = query.context, Rows()
    attempts, questions = rows.read(lambda: context.deployments.attempts_and_questions(deployment.id), ((), ()))
    rows.add(each.reason for each in attempts if isinstance(each, UnreadableAttempt))
    entries = rows.read(lambda: context.audit_log.read(deployment.cluster, deployment.started_at, AUDIT_ENTRIES), ())
    cluster = view_cluster(context, deployment.cluster, recent=_RECENT)
    rows.add(cluster.unreadable)
    holder = cluster.lease.deployment
    facts = ActionFacts(context.clock.now(), deployment.cluster, deployment=deployment, questions=questions)
    version, quarantined = deployment.target.version, context.fleet.quarantined(deployment.cluster)
    may_roll_back, rollback = rollback_permission(context, cluster, deployment)
    return DeploymentView(
        deployment=deployment,
        has_lease=holder == deployment.id,
        is_current=cluster.last is not None and cluster.last.id == deployment.id,
        may_pause=permission(Action.PAUSE, facts),
        may_roll_back=may_roll_back,
        may_quarantine=permission(Action.QUARANTINE, replace(facts, subject=version, quarantined=quarantined)),
        rollback=rollback,
        hosts=view_host_progress(context, deployment, attempts, questions),
        attempts=tuple(attempts),
        questions=tuple(questions),
        interrupted=interruption(context, deployment) if holder == deployment.id else None,
        audit_entries=tuple(each for each in entries if each.deployment == deployment.id),
        unreadable=rows.all(),
    )

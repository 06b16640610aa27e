"""How one cluster stands: what is desired and runs, who has its lease and who waits for it, what is frozen.

Read by status, freezes and history; reads only.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from apps.cli.output.decision_view import question_facts
from apps.cli.ports import Connection
from lifecycle.application.rollout import observe
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.fleet.host import HostReport
from lifecycle.domain.monitoring.alarms import watched_until
from lifecycle.domain.rollout.decision import Question, open_questions
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState
from lifecycle.domain.rollout.freezes import Freeze, blocking
from lifecycle.domain.rollout.lease import Lease
from lifecycle.domain.rollout.queue import PendingDeployment


@dataclass(frozen=True, slots=True)
class Standing:
    """One cluster. `last` is the deployment that is desired; `bad_hosts` are quarantined, each with why.

    `frozen` is why nothing new may begin -> the scope to unfreeze, which is empty for a policy's window.
    """

    cluster: Cluster
    desired: Desired | None
    reports: tuple[HostReport, ...]
    healthy: int
    lease: Lease
    deployment: Deployment | None
    questions: tuple[Question, ...]
    last: Deployment | None
    waiting: PendingDeployment | None
    frozen: Mapping[str, str]
    bad_hosts: Mapping[str, str]

    @property
    def unsettled(self) -> Deployment | None:
        """What ended last, if it did not end well: the cluster may be left between two versions."""
        free = not self.lease.deployment
        return self.last if free and self.last and self.last.state is not DeploymentState.DONE else None

    def watched(self, here: Connection) -> datetime | None:
        """Until when an alarm is still the doing of what was deployed last; None once that is over."""
        until = watched_until(self.last, here.context.minute) if self.last else None
        return until if until and here.context.clock.now() <= until else None

    @property
    def runs(self) -> dict[str, int]:
        """How many hosts run each version."""
        return dict(Counter(r.installed if r.running and r.installed else "nothing" for r in self.reports))


def standing(here: Connection, cluster: Cluster, freezes: Sequence[Freeze]) -> Standing:
    """Read how it stands; `freezes` are all that stand."""
    context = here.context
    reports = context.fleet.reports(cluster)
    rotation = observe.rotation(context, cluster, reports)
    lease = context.leases.current(cluster)
    running = context.deployments.get(cluster, lease.deployment) if lease.deployment else None
    asked = context.deployments.questions(running.id) if running else ()
    desired = context.registry.desired(cluster)
    last = context.deployments.get(cluster, desired.deployment) if desired else None
    return Standing(
        cluster=cluster,
        desired=desired,
        reports=tuple(reports.values()),
        healthy=sum(state.serves for state in rotation.values()),
        lease=lease,
        deployment=running,
        questions=tuple(open_questions(running, asked)),
        last=last,
        waiting=context.queue.waiting(cluster),
        frozen=_frozen(here, cluster, freezes, last),
        bad_hosts=context.fleet.quarantined_hosts(cluster),
    )


def windows_of(here: Connection, cluster: Cluster) -> tuple[str, ...]:
    """The windows in which the policy of what was deployed last freezes the cluster."""
    desired = here.context.registry.desired(cluster)
    last = here.context.deployments.get(cluster, desired.deployment) if desired else None
    return last.policy.frozen if last else ()


def _frozen(
    here: Connection, cluster: Cluster, freezes: Sequence[Freeze], last: Deployment | None
) -> dict[str, str]:
    """Why -> the scope to lift: every freeze, not only the longest, for each has to be lifted."""
    now = here.context.clock.now()
    found = {why: each.scope for each in freezes if (why := blocking((each,), (), cluster, now))}
    if last and (why := blocking((), last.policy.frozen, cluster, now)):
        found[why] = ""
    return found


def facts(found: Standing, here: Connection) -> dict[str, Any]:
    """A cluster for programs."""
    current, lease, waiting = found.deployment, found.lease, found.waiting
    asked = [question_facts(question, here.command) for question in found.questions]
    watched = found.watched(here)
    return {
        "cluster": str(found.cluster),
        "service": found.cluster.service,
        "environment": found.cluster.environment,
        "desired": found.desired.version if found.desired else None,
        "hosts": len(found.reports),
        "healthy": found.healthy,
        "running": found.runs,
        "epoch": lease.epoch,
        "deployment": deployment_facts(current) if current else None,
        "lease": lease.deployment or None,
        "lease_since": lease.since.isoformat() if lease.deployment and lease.since else None,
        "lease_expires_at": lease.expires_at.isoformat() if lease.deployment and lease.expires_at else None,
        "last": deployment_facts(found.last) if found.last else None,
        "watched_until": watched.isoformat() if watched else None,
        "question": asked[0] if asked else None,
        "questions": asked,
        "waiting": _waiting_facts(waiting) if waiting else None,
        "frozen": [{"why": why, "scope": scope or None} for why, scope in found.frozen.items()],
        "quarantined_hosts": dict(found.bad_hosts),
    }


def _waiting_facts(waiting: PendingDeployment) -> dict[str, str]:
    request = waiting.request
    return {
        "deployment": request.deployment,
        "version": request.version,
        "requested_by": request.requested_by,
        "reason": request.reason,
        "since": waiting.since.isoformat(),
    }


def deployment_facts(each: Deployment) -> dict[str, Any]:
    """A deployment for programs."""
    return {
        "deployment": each.id,
        "cluster": str(each.cluster),
        "kind": str(each.request.kind),
        "version": each.target.version,
        "previous": each.previous.version if each.previous else None,
        "state": str(each.state),
        "why": each.reason,
        "epoch": each.epoch,
        "hosts": list(each.hosts),
        "skipped_hosts": list(each.skipped_hosts),
        "requested_by": each.request.requested_by,
        "reason": each.request.reason,
        "overrides": [str(override) for override in each.request.overrides],
        "rollback_of": each.request.rollback_of,
        "started_at": each.started_at.isoformat(),
        "finished_at": each.finished_at.isoformat() if each.finished_at else None,
    }

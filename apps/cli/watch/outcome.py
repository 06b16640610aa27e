"""The outcome of a watched deployment, or None while it goes on; decided from one poll.

Used by follow.py. The records decide; the execution is read only for facts that no record has.
"""

from dataclasses import dataclass

from apps.cli.ports import Connection, Run
from apps.cli.resolve import unknown_deployment
from apps.cli.watch.deployment_view import WatchedDeployment
from lifecycle.application.readable import readable
from lifecycle.domain.rollout.decision import Question
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of a watch: a state, its reason, the exit code, and the rollback deployment that follows, if any."""

    state: str
    reason: str
    code: int
    rollback: str = ""
    deployment: Deployment | None = None
    question: Question | None = None


def outcome_of(found: WatchedDeployment, connection: Connection) -> Outcome | None:
    """Return the outcome; None while the deployment, or the one that it waits for, goes on. Raises Unknown."""
    deployment, run = found.deployment, found.run
    if deployment is None:
        return _unplanned(found, connection)
    if deployment.state.final:
        code = 0 if deployment.state is DeploymentState.DONE else 1
        rollback = _rollback(found, connection) if deployment.state is DeploymentState.ROLLED_BACK else ""
        return Outcome(deployment.state, deployment.reason, code, rollback, deployment)
    if question := found.decision:
        return Outcome("HALTED", deployment.reason, 1, "", deployment, question)
    if run is not None and run.running:
        return None
    return _without_execution(found, connection)


def _without_execution(found: WatchedDeployment, connection: Connection) -> Outcome | None:
    """Return the outcome of a deployment without an execution, which is normal only while it is queued."""
    if not found.queued:
        return Outcome("LOST", _lost(found, connection), 1, "", found.deployment)
    if found.before and found.before.state is DeploymentState.HALTED:
        status = connection.command(f"status {found.cluster.service}")
        why = f"queued behind {found.before.id}, which is HALTED and waits for a decision: {status}"
        return Outcome("QUEUED", why, 1, "", found.deployment)
    if found.lease.deployment:
        return None
    converge = connection.command(f"converge {found.cluster.service}")
    why = f"the cluster is free, but the deployment has not begun; start it: {converge}"
    return Outcome("LOST", why, 1, "", found.deployment)


def settled(found: WatchedDeployment) -> bool:
    """Return whether no change is about to follow: the lease is released, the execution ended, a queued one begun.

    Convergence closes or continues a deployment whose execution failed or was stopped, within seconds.
    """
    if found.queued:
        return False
    final = found.deployment is not None and found.deployment.state.final
    if found.deployment and not final and not found.decision:
        return found.run is not None and found.run.running
    return not final or not (found.lease_held or (found.run and found.run.running))


def _unplanned(found: WatchedDeployment, connection: Connection) -> Outcome | None:
    """Return the outcome of a deployment without a record, from its execution: planning, refused or failed."""
    run = found.run
    if run is None:
        raise unknown_deployment(connection, found.cluster, found.name)
    if run.running:
        return None
    if run.status == "SUCCEEDED":
        return Outcome("NOTHING_TO_DO", str(run.output.get("reason", "every host serves it already")), 0)
    if run.error == "Refused":
        return Outcome("REFUSED", run.cause, 1)
    return Outcome(run.status, f"the execution {run.name} ended during planning: {_cause(run)}", 1)


def _cause(run: Run) -> str:
    return ": ".join(filter(None, (run.error, run.cause))) or run.status


def _lost(found: WatchedDeployment, connection: Connection) -> str:
    converge = connection.command(f"converge {found.cluster.service}")
    name = found.deployment.execution if found.deployment else found.name
    if found.run is None:
        return f"its execution {name} no longer exists; continue it: {converge}"
    return (
        f"the execution {found.run.name} ended before its deployment ({_cause(found.run)}); continue it: {converge}"
    )


def _rollback(found: WatchedDeployment, connection: Connection) -> str:
    """Return the rollback deployment by the execution's output, else by the records; "" if it has not begun."""
    if found.run and (name := str(found.run.output.get("rollback", ""))):
        return name
    recent, _ = readable(lambda: connection.context.deployments.recent_without_hosts(found.cluster, 20), ())
    return next((each.id for each in recent if each.request.rollback_of == found.name), "")

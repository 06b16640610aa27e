"""Whether a watched deployment has anything more to wait for, and why not: from one poll, without another.

Used by follow.py. The records are the truth; the execution tells only what no record does.
"""

from dataclasses import dataclass

from apps.cli.ports import Connection, Run
from apps.cli.watch.deployment_view import WatchedDeployment
from lifecycle.domain.errors import Unknown
from lifecycle.domain.rollout.decision import Question
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState


@dataclass(frozen=True, slots=True)
class Outcome:
    """Why watching ended: a state, its reason, the exit code, and the rollback that follows, if one does."""

    state: str
    reason: str
    code: int
    heir: str = ""
    deployment: Deployment | None = None
    question: Question | None = None


def outcome_of(found: WatchedDeployment, connection: Connection) -> Outcome | None:
    """Whether there is nothing more to wait for, and why; None while it, or what it waits for, goes on."""
    deployment, run = found.deployment, found.run
    if deployment is None:
        return _unplanned(found, connection)
    if deployment.state.final:
        code = 0 if deployment.state is DeploymentState.DONE else 1
        heir = _heir(connection, found) if deployment.state is DeploymentState.ROLLED_BACK else ""
        return Outcome(deployment.state, deployment.reason, code, heir, deployment)
    if question := found.decision:
        return Outcome("HALTED", deployment.reason, 1, "", deployment, question)
    if run is not None and run.running:
        return None
    return _stopped(found, connection)


def _stopped(found: WatchedDeployment, connection: Connection) -> Outcome | None:
    """No execution carries it: that is as it should be in the queue, while another deployment has the lease."""
    if not found.queued:
        return Outcome("LOST", _lost(found, connection), 1, "", found.deployment)
    if found.before and found.before.state is DeploymentState.HALTED:
        see = connection.command(f"status {found.cluster.service}")
        why = (
            f"its turn comes when {found.before.id} is over, which is HALTED and waits for a decision: {see}"
        )
        return Outcome("QUEUED", why, 1, "", found.deployment)
    if found.lease.deployment:
        return None
    again = connection.command(f"converge {found.cluster.service}")
    why = f"nothing holds it up any more, but it has not begun; start it: {again}"
    return Outcome("LOST", why, 1, "", found.deployment)


def settled(found: WatchedDeployment) -> bool:
    """Whether nothing is on its way: an ended deployment's lease and execution, the beginning of a queued one."""
    if found.queued:
        return False
    final = found.deployment is not None and found.deployment.state.final
    return not final or not (found.lease_held or (found.run and found.run.running))


def _unplanned(found: WatchedDeployment, connection: Connection) -> Outcome | None:
    """Without a record the execution is all there is: it plans, it was refused, or it broke."""
    run = found.run
    if run is None:
        see = connection.command(f"history {found.cluster.service}")
        raise Unknown(
            "deployment", found.name, f"there is neither a record nor an execution of it; see: {see}"
        )
    if run.running:
        return None
    if run.status == "SUCCEEDED":
        return Outcome("NOTHING_TO_DO", str(run.output.get("reason", "every host serves it already")), 0)
    if run.error == "Refused":
        return Outcome("REFUSED", run.cause, 1)
    return Outcome(run.status, f"the execution {run.name} ended before it had planned: {_why(run)}", 1)


def _why(run: Run) -> str:
    return ": ".join(filter(None, (run.error, run.cause))) or run.status


def _lost(found: WatchedDeployment, connection: Connection) -> str:
    again = connection.command(f"converge {found.cluster.service}")
    name = found.deployment.execution if found.deployment else found.name
    if found.run is None:
        return f"there is no execution {name} any more; start it again where it stopped: {again}"
    return (
        f"the execution {found.run.name} ended before its deployment did ({_why(found.run)}); go on: {again}"
    )


def _heir(connection: Connection, found: WatchedDeployment) -> str:
    """The rollback that follows: as the execution tells, else as the records do."""
    if found.run and (told := str(found.run.output.get("rollback", ""))):
        return told
    recent = connection.context.deployments.recent(found.cluster, 20)
    return next((each.id for each in recent if each.request.rollback_of == found.name), "")

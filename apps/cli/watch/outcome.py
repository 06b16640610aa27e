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
class Ending:
    """Why watching ended: a state, its reason, the exit code, and the rollback that follows, if one does."""

    state: str
    reason: str
    code: int
    heir: str = ""
    deployment: Deployment | None = None
    question: Question | None = None


def ending(found: WatchedDeployment, here: Connection) -> Ending | None:
    """Whether there is nothing more to wait for, and why; None while it, or what it waits for, goes on."""
    deployment, run = found.deployment, found.run
    if deployment is None:
        return _unplanned(found, here)
    if deployment.state.final:
        code = 0 if deployment.state is DeploymentState.DONE else 1
        heir = _heir(here, found) if deployment.state is DeploymentState.ROLLED_BACK else ""
        return Ending(deployment.state, deployment.reason, code, heir, deployment)
    if question := found.decision:
        return Ending("HALTED", deployment.reason, 1, "", deployment, question)
    if run is not None and run.running:
        return None
    return _stopped(found, here)


def _stopped(found: WatchedDeployment, here: Connection) -> Ending | None:
    """No execution carries it: that is as it should be in the queue, while another deployment has the lease."""
    if not found.queued:
        return Ending("LOST", _lost(found, here), 1, "", found.deployment)
    if found.before and found.before.state is DeploymentState.HALTED:
        see = here.command(f"status {found.cluster.service}")
        why = (
            f"its turn comes when {found.before.id} is over, which is HALTED and waits for a decision: {see}"
        )
        return Ending("QUEUED", why, 1, "", found.deployment)
    if found.lease.deployment:
        return None
    again = here.command(f"converge {found.cluster.service}")
    why = f"nothing holds it up any more, but it has not begun; start it: {again}"
    return Ending("LOST", why, 1, "", found.deployment)


def settled(found: WatchedDeployment) -> bool:
    """Whether nothing is on its way: an ended deployment's lease and execution, the beginning of a queued one."""
    if found.queued:
        return False
    final = found.deployment is not None and found.deployment.state.final
    return not final or not (found.lease_held or (found.run and found.run.running))


def _unplanned(found: WatchedDeployment, here: Connection) -> Ending | None:
    """Without a record the execution is all there is: it plans, it was refused, or it broke."""
    run = found.run
    if run is None:
        see = here.command(f"history {found.cluster.service}")
        raise Unknown(
            "deployment", found.name, f"there is neither a record nor an execution of it; see: {see}"
        )
    if run.running:
        return None
    if run.status == "SUCCEEDED":
        return Ending("NOTHING_TO_DO", str(run.output.get("reason", "every host serves it already")), 0)
    if run.error == "Refused":
        return Ending("REFUSED", run.cause, 1)
    return Ending(run.status, f"the execution {run.name} ended before it had planned: {_why(run)}", 1)


def _why(run: Run) -> str:
    return ": ".join(filter(None, (run.error, run.cause))) or run.status


def _lost(found: WatchedDeployment, here: Connection) -> str:
    again = here.command(f"converge {found.cluster.service}")
    name = found.deployment.execution if found.deployment else found.name
    if found.run is None:
        return f"there is no execution {name} any more; start it again where it stopped: {again}"
    return (
        f"the execution {found.run.name} ended before its deployment did ({_why(found.run)}); go on: {again}"
    )


def _heir(here: Connection, found: WatchedDeployment) -> str:
    """The rollback that follows: as the execution tells, else as the records do."""
    if found.run and (told := str(found.run.output.get("rollback", ""))):
        return told
    recent = here.context.deployments.recent(found.cluster, 20)
    return next((each.id for each in recent if each.request.rollback_of == found.name), "")

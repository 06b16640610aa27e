"""The queue of one: a deployment waits for the cluster's lease, the newest one wins, the older is SUPERSEDED.

Used by `plan` (to wait and to begin), by `finish` and by `converge` (to start what waits). The entry stays in
the queue until its deployment has the lease, so a start that was lost is made up for.
"""

from dataclasses import replace

from lifecycle.application.context import Context
from lifecycle.application.rollout.requests import payload
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState, Request
from lifecycle.domain.rollout.execution import ExecutionState, next_execution
from lifecycle.domain.rollout.queue import AfterEnd, DropPending, PendingDeployment, StartPending, after_end
from lifecycle.domain.service.policy import Policy
from lifecycle.domain.service.target import Target


def take_slot(context: Context, record: Deployment) -> bool:
    """Wait in the place of an older one; False when a newer one waits, and `record` is superseded itself.

    The place is taken before the record is written: an entry without a record is started like any other.
    """
    cluster, request = record.cluster, record.request
    existing = context.deployments.get(cluster, record.id)
    since = existing.started_at if existing else record.started_at
    mine = replace(record, started_at=since)
    while (standing := context.queue.waiting(cluster)) is None or standing.request.deployment != record.id:
        if standing is not None and (standing.since, standing.request.deployment) > (since, record.id):
            why = f"{standing.request.deployment} is newer and waits already"
            context.record(cluster, "superseded", request.requested_by, why, deployment=record.id)
            superseded = replace(mine, state=DeploymentState.SUPERSEDED, reason=why, finished_at=since)
            context.deployments.put(superseded)
            return False
        if standing is not None:
            why = f"{record.id} ({request.version}) is newer and waits in its place"
            _close(context, standing, DeploymentState.SUPERSEDED, why)
        what = f"queued {request.version}"
        why = f"{request.reason}; {record.reason}" if request.reason else record.reason
        context.record(cluster, what, request.requested_by, why, deployment=record.id)
        context.queue.replace(cluster, standing, PendingDeployment(request, since))
    context.deployments.put(mine)
    # Somebody newer may have closed it between its place and its record; what has ended stays so.
    now = context.deployments.get(cluster, record.id)
    return now is None or now.state is DeploymentState.QUEUED


def close_pending(context: Context, request: Request, state: DeploymentState, why: str) -> None:
    """Leave the queue without having begun; nothing happens to a deployment that never waited."""
    existing = context.deployments.get(request.cluster, request.deployment)
    if existing is not None and existing.state is DeploymentState.QUEUED:
        _close(context, PendingDeployment(request, existing.started_at), state, why)
    clear_slot(context, request)


def clear_slot(context: Context, request: Request) -> None:
    """Take the entry out of the queue."""
    standing = context.queue.waiting(request.cluster)
    if standing is not None and standing.request.deployment == request.deployment:
        context.queue.replace(request.cluster, standing, None)


def start_or_drop_after(context: Context, cluster: Cluster, ended: Deployment) -> None:
    """What becomes of the deployment that waits, now that the one before it has ended."""
    waiting = context.queue.waiting(cluster)
    if waiting is not None and not context.leases.current(cluster).deployment:
        start_or_drop(context, cluster, after_end(ended, waiting), "lifecycle")


def start_or_drop(context: Context, cluster: Cluster, step: AfterEnd, by: str) -> str:
    """Start or drop what waits; returns the name of the execution, if one was started. Safe to repeat."""
    waiting, name = step.waiting, step.waiting.request.deployment
    record = context.deployments.get(cluster, name)
    if record is not None and record.state is not DeploymentState.QUEUED:
        context.queue.replace(
            cluster, waiting, None
        )  # it began, or has ended: only its entry was left behind
        return ""
    match step:
        case DropPending(_, reason):
            _close(context, waiting, DeploymentState.REFUSED, reason)
            context.queue.replace(cluster, waiting, None)
            return ""
        case StartPending(_, reason):
            context.record(cluster, f"start {name}", by, reason, deployment=name)
            return _start(context, waiting, record)


def _start(context: Context, waiting: PendingDeployment, record: Deployment | None) -> str:
    """A new execution of it, unless the newest one still runs."""
    request = waiting.request
    return start_execution(
        context, request, next_execution(record.execution if record else request.deployment)
    )


def start_execution(context: Context, request: Request, execution: str) -> str:
    """Start an execution under this name, or under the next one that was never used; returns the name.

    One that runs already is left to run.
    """
    while not context.executions.start_rollout(execution, payload(request)):
        if context.executions.rollout_state(execution) is ExecutionState.RUNNING:
            break
        execution = next_execution(execution)
    return execution


def _close(context: Context, waiting: PendingDeployment, state: DeploymentState, why: str) -> None:
    """End what waits; one whose plan was killed before its record gets one, so that it stays ended."""
    request = waiting.request
    record = context.deployments.get(request.cluster, request.deployment) or Deployment.not_begun(
        request, Target(request.version, ""), Policy(), waiting.since
    )
    if record.state is not DeploymentState.QUEUED:
        return
    context.record(request.cluster, state.lower(), "lifecycle", why, deployment=request.deployment)
    context.deployments.put(replace(record, state=state, reason=why, finished_at=context.clock.now()))

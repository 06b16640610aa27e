"""The pending slot of a cluster: one deployment waits for the lease, and a newer one supersedes it.

Used by `plan` (to wait and to begin), and by `finish` and `converge` (to start the pending deployment). The
slot is cleared only once its deployment has the lease, so convergence can repeat a start that was lost.
"""

from dataclasses import replace

from lifecycle.application.context import Context
from lifecycle.application.readable import readable
from lifecycle.application.rollout.requests import payload
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.deployment import NOT_RESUMED, Deployment, DeploymentState, Kind, Request
from lifecycle.domain.rollout.execution import ExecutionState, next_execution
from lifecycle.domain.rollout.queue import AfterEnd, DropPending, PendingDeployment, StartPending, after_end, next_try
from lifecycle.domain.service.policy import Policy
from lifecycle.domain.service.target import Target


def take_slot(context: Context, record: Deployment, planned_by: str = "") -> bool:
    """Put a deployment into the pending slot, in place of an older one; `planned_by` as in PendingDeployment.

    Returns False if `record` is superseded itself, as a newer deployment is pending. The slot is taken before
    the record is written: a pending deployment without a record is started like any other.
    """
    cluster, request = record.cluster, record.request
    existing = context.deployments.get(cluster, record.id)
    since = existing.started_at if existing else record.started_at
    mine = replace(record, started_at=since)
    while (pending := pending_deployment(context, cluster)) is None or pending.request.deployment != record.id:
        if pending is not None and (pending.since, pending.request.deployment) > (since, record.id):
            why = f"{pending.request.deployment} is newer and pending already"
            context.record_request(request, "superseded", why)
            superseded = replace(mine, state=DeploymentState.SUPERSEDED, reason=why, finished_at=since)
            _ = context.deployments.put(superseded)  # refused: it has ended in another way
            return False
        if pending is not None:
            why = f"{record.id} ({request.version}) is newer and takes its place"
            _close(context, pending, DeploymentState.SUPERSEDED, why)
        why = f"{request.reason}; {record.reason}" if request.reason else record.reason
        context.record_request(request, f"queued {request.version}", why)
        entry = PendingDeployment(request, since, planned_by=planned_by)
        _ = context.queue.replace(cluster, pending, entry)  # the loop looks again
    waits_again = replace(pending, tried=NOT_RESUMED, planned_by=planned_by)
    if pending != waits_again:  # it was to begin
        # Refused: a newer deployment has the slot.
        _ = context.queue.replace(cluster, pending, waits_again)
    if not context.deployments.put(mine):
        return False
    # A newer deployment may have superseded it before its record was written; then it stays closed.
    now = context.deployments.get(cluster, record.id)
    return now is None or now.state is DeploymentState.QUEUED


def pending_deployment(context: Context, cluster: Cluster) -> PendingDeployment | None:
    """Return the deployment in the slot. One that cannot be read counts as none: nothing starts from it."""
    return readable(lambda: context.queue.waiting(cluster), None)[0]


def close_pending(context: Context, request: Request, state: DeploymentState, why: str) -> None:
    """End a pending deployment that never began; does nothing for one that was never pending."""
    existing = context.deployments.get(request.cluster, request.deployment)
    if existing is not None and existing.state is DeploymentState.QUEUED:
        _close(context, PendingDeployment(request, existing.started_at), state, why)
    clear_slot(context, request)


def record_refused(context: Context, request: Request, why: str) -> bool:
    """End a deployment that is refused before it began; writes a record if it has none, so that views show it.

    Returns False if it has ended in another way. A repair that is refused again and again is on record once:
    convergence begins one every 15 minutes.
    """
    if context.deployments.get(request.cluster, request.deployment) is not None:
        close_pending(context, request, DeploymentState.REFUSED, why)
        return True
    clear_slot(context, request)
    if request.kind is Kind.CONVERGE and _was_refused_before(context, request):
        return True
    now = context.clock.now()
    refused = Deployment.not_begun(request, Target(request.version, ""), Policy(), now, why)
    return context.deployments.put(replace(refused, state=DeploymentState.REFUSED, finished_at=now))


def _was_refused_before(context: Context, request: Request) -> bool:
    """Return whether the newest deployment is a repair that was refused too, so that it was notified already."""
    newest = next(iter(readable(lambda: context.deployments.recent_without_hosts(request.cluster, 1), ())[0]), None)
    return newest is not None and (newest.request.kind, newest.state) == (Kind.CONVERGE, DeploymentState.REFUSED)


def clear_slot(context: Context, request: Request) -> None:
    """Clear the pending slot, if this request has it."""
    pending = pending_deployment(context, request.cluster)
    if pending is not None and pending.request.deployment == request.deployment:
        _ = context.queue.replace(request.cluster, pending, None)  # refused: a newer deployment has the slot


def start_or_drop_after(context: Context, cluster: Cluster, ended: Deployment) -> None:
    """Start or drop the pending deployment, now that the one before it has ended."""
    pending = pending_deployment(context, cluster)
    if pending is not None and not context.leases.current(cluster).deployment:
        start_or_drop(context, cluster, after_end(ended, pending), "lifecycle")


def start_or_drop(context: Context, cluster: Cluster, step: AfterEnd, by: str) -> str:
    """Start or drop the pending deployment; returns the name of the execution, if one was started. Safe to repeat."""
    pending, name = step.waiting, step.waiting.request.deployment
    planned_by = pending.planned_by
    if planned_by and context.executions.rollout_state(planned_by) is ExecutionState.RUNNING:
        return planned_by
    if isinstance(step, StartPending):
        step = next_try(step, context.clock.now())
    record = context.deployments.get(cluster, name)
    if record is not None and record.state is not DeploymentState.QUEUED:
        # It began or has ended; only the slot was not cleared. Refused: a newer deployment has the slot.
        _ = context.queue.replace(cluster, pending, None)
        return ""
    match step:
        case DropPending(_, reason):
            _close(context, pending, DeploymentState.REFUSED, reason)
            _ = context.queue.replace(cluster, pending, None)  # refused: a newer deployment has the slot
            return ""
        case StartPending(counted, reason):
            if counted != pending and not context.queue.replace(cluster, pending, counted):
                return name  # the slot was cleared by its plan, or taken by a newer one, which begins by itself
            context.record(cluster, f"start {name}", by, reason, deployment=name)
            newest = record.execution if record else name
            return start_execution(context, pending.request, next_execution(newest))


def start_execution(context: Context, request: Request, execution: str) -> str:
    """Start an execution under this name, or under the next name that was never used; returns the name.

    If an execution of that name is running, its name is returned and nothing is started.
    """
    while not context.executions.start_rollout(execution, payload(request)):
        if context.executions.rollout_state(execution) is ExecutionState.RUNNING:
            break
        execution = next_execution(execution)
    return execution


def _close(context: Context, pending: PendingDeployment, state: DeploymentState, why: str) -> None:
    """End a pending deployment; writes a record if its plan was killed before that, so that it stays ended."""
    request = pending.request
    record = context.deployments.get(request.cluster, request.deployment) or Deployment.not_begun(
        request, Target(request.version, ""), Policy(), pending.since
    )
    if record.state is not DeploymentState.QUEUED:
        return
    context.record_action(request.cluster, request.deployment, state.lower(), why)
    closed = replace(record, state=state, reason=why, finished_at=context.clock.now())
    _ = context.deployments.put(closed)  # refused: it has ended in another way

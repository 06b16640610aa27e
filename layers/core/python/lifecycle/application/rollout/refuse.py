"""The end of a deployment whose plan failed before it began, so that it is on record.

Called by functions/rollout/finish where the plan itself broke (statemachines/rollout.asl.json, PlanLost).
"""

from lifecycle.application.context import Context
from lifecycle.application.rollout import observe, queue
from lifecycle.application.rollout.finish import Finished
from lifecycle.application.rollout.requested import find_request
from lifecycle.domain.rollout.deployment import DeploymentState, Request


def refuse_unplanned(context: Context, name: str, reason: str) -> Finished:
    """Record that a deployment never began. One that holds the lease has begun: convergence continues it."""
    request = find_request(context, name)
    if request is None:
        return Finished(DeploymentState.REFUSED, f"{reason}; no request for {name} is on record")
    return _refuse(context, request, reason)


def _refuse(context: Context, request: Request, reason: str) -> Finished:
    cluster, name = request.cluster, request.deployment
    existing = context.deployments.get(cluster, name)
    has_begun = existing is not None and existing.state is not DeploymentState.QUEUED
    # A rollback has a record once it was decided. It is not dropped if its lease was lost.
    is_decided = existing is not None and not has_begun and observe.was_handed_over(context, request)
    if context.leases.current(cluster).deployment == name or is_decided:
        return Finished(
            "LEFT", f"{name} is decided or holds the lease of {cluster}: convergence continues it; {reason}"
        )
    if existing is not None and has_begun:
        return Finished(existing.state, existing.reason)
    if existing is None:
        context.record_request(request, f"refused {request.version}", reason)
    if not queue.record_refused(context, request, reason):
        ended = observe.deployment(context, cluster, name)
        return Finished(ended.state, ended.reason)
    return Finished(DeploymentState.REFUSED, reason)

"""The end of a deployment whose plan failed before it began, so that it is on record.

Called by functions/rollout/finish where the plan itself broke (statemachines/rollout.asl.json, PlanLost).
"""

from dataclasses import replace

from lifecycle.application.context import Context
from lifecycle.application.rollout import observe, queue
from lifecycle.application.rollout.finish import Finished
from lifecycle.application.rollout.requested import find_request
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState, Kind, Request
from lifecycle.domain.service.policy import Policy
from lifecycle.domain.service.target import Target


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
    if existing is not None:
        queue.close_pending(context, request, DeploymentState.REFUSED, reason)
        return Finished(DeploymentState.REFUSED, reason)
    now = context.clock.now()
    context.record_request(request, f"refused {request.version}", reason)
    if request.kind is Kind.CONVERGE and _was_refused_before(context, request):
        return Finished(DeploymentState.REFUSED, reason)  # convergence begins one every 15 minutes
    refused = Deployment.not_begun(request, Target(request.version, ""), Policy(), now, reason)
    if not context.deployments.put(replace(refused, state=DeploymentState.REFUSED, finished_at=now)):
        ended = observe.deployment(context, cluster, name)
        return Finished(ended.state, ended.reason)
    return Finished(DeploymentState.REFUSED, reason)


def _was_refused_before(context: Context, request: Request) -> bool:
    """Return whether the newest deployment is a repair that was refused too, so that it was notified already."""
    newest = next(iter(context.deployments.recent_without_hosts(request.cluster, 1)), None)
    return newest is not None and (newest.request.kind, newest.state) == (Kind.CONVERGE, DeploymentState.REFUSED)

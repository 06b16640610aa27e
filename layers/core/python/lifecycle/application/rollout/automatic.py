"""Automatic staging: its deployments follow the head of the branch, and wait where others are refused.

Called by requested.py, before a deployment begins. The requests are those that delivery has recorded; nobody stands
behind them who could ask again.
"""

from dataclasses import replace
from datetime import timedelta

from lifecycle.application.context import Context
from lifecycle.application.rollout import observe, queue
from lifecycle.application.rollout.plan import Planned, begin
from lifecycle.application.rollout.supersede import supersede_halted, superseded
from lifecycle.domain.errors import CallFailed, InvalidValue, Refused, StoreRefused, Unknown
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState, Request
from lifecycle.domain.rollout.passing import passing_blockers
from lifecycle.domain.rollout.plan import plan
from lifecycle.domain.service.policy import Policy
from lifecycle.domain.service.target import Target

# The execution of a blocked deployment plans again every 55 seconds for so long (statemachines/rollout.asl.json).
# Then convergence tries it, every 15 minutes.
PLANS_AGAIN = timedelta(minutes=15)


def begin_automatic(context: Context, request: Request, execution: str) -> Planned:
    """Begin an automatic deployment if the head of its branch still wants it, or wait until nothing blocks it."""
    if context.leases.current(request.cluster).deployment == request.deployment:
        return begin(context, request, execution)  # a call that was lost after it took the lease
    if late := superseded(context, request):
        context.record_request(request, f"superseded {request.version}", late)
        queue.close_pending(context, request, DeploymentState.SUPERSEDED, late)
        return Planned("REFUSED", 0, f"superseded: {late}")
    blocked = _blocked(context, request)
    planned = _wait(context, request, execution, blocked) if blocked else begin(context, request, execution)
    supersede_halted(context, request.cluster)
    return planned


def _blocked(context: Context, request: Request) -> str:
    """Return why the deployment has to wait; empty if it may begin, or will be refused."""
    now, timeout = context.clock.now(), context.heartbeat_timeout
    try:
        observed = observe.observed(context, request)
    except (InvalidValue, Refused, Unknown, StoreRefused, CallFailed):
        return ""  # the plan says what is wrong
    order = [planned.host for planned in plan(request, observed, now, timeout).hosts]
    return "; ".join(passing_blockers(request, observed, order, now, timeout))


def _wait(context: Context, request: Request, execution: str, blocked: str) -> Planned:
    """Wait in the pending slot, where a newer push takes its place and an operator may cancel it."""
    cluster, now = request.cluster, context.clock.now()
    existing = context.deployments.get(cluster, request.deployment)
    # Its target gets a digest when it is planned.
    begun = existing or Deployment.not_begun(request, Target(request.version, ""), Policy(automatic=True), now)
    reason = f"waits: {blocked}"
    waiting = replace(begun, state=DeploymentState.QUEUED, execution=execution, reason=reason)
    plans_again = now - waiting.started_at < PLANS_AGAIN
    if not queue.take_slot(context, waiting, execution if plans_again else ""):
        return Planned("REFUSED", 0, "superseded: a newer deployment is pending already")
    return Planned("WAIT" if plans_again else "QUEUED", 0, reason)

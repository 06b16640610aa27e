"""The wait of an automatic deployment whose plan is blocked by something that passes.

Called by plan.py. Its execution plans it again every 55 seconds at first, then convergence does every 15 minutes. It
ends when a newer push takes its place, when an operator cancels it, or after a week, which is on record.
"""

from dataclasses import replace
from datetime import timedelta

from lifecycle.application.context import Context
from lifecycle.application.rollout import queue
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState, Request
from lifecycle.domain.service.policy import Policy
from lifecycle.domain.service.target import Target
from lifecycle.domain.time_format import minute

# The execution of a blocked deployment plans again every 55 seconds for so long (statemachines/rollout.asl.json).
# Then convergence tries it, every 15 minutes.
PLANS_AGAIN = timedelta(minutes=15)
# What blocks it for longer does not pass by itself: somebody has to see to it.
WAITS_AT_MOST = timedelta(days=7)
SUPERSEDED = "superseded: a newer deployment is pending already"


def waited_too_long(context: Context, request: Request, blocked: str) -> str:
    """Return why a blocked deployment does not wait any longer; empty if it does."""
    existing, now = context.deployments.get(request.cluster, request.deployment), context.clock.now()
    if existing is None or now - existing.started_at < WAITS_AT_MOST:
        return ""
    since = minute(existing.started_at)
    how = f"lifecycle deploy {request.service} {request.version} --environment {request.environment}"
    return f"it waited since {since}, which is more than {WAITS_AT_MOST.days} days: {blocked}; then `{how}`"


def wait(context: Context, request: Request, execution: str, blocked: str) -> tuple[str, str]:
    """Wait in the pending slot; return WAIT, QUEUED or REFUSED, and why."""
    cluster, now = request.cluster, context.clock.now()
    existing = context.deployments.get(cluster, request.deployment)
    # Its target gets a digest when it is planned.
    begun = existing or Deployment.not_begun(request, Target(request.version, ""), Policy(automatic=True), now)
    reason = f"waits: {blocked}"
    waiting = replace(begun, state=DeploymentState.QUEUED, execution=execution, reason=reason)
    plans_again = now - waiting.started_at < PLANS_AGAIN
    if not queue.take_slot(context, waiting, execution if plans_again else ""):
        return "REFUSED", SUPERSEDED
    return ("WAIT" if plans_again else "QUEUED"), reason

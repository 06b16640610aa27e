"""Automatic staging: its deployments follow the head of the branch, and wait where others are refused.

Called by requested.py, before a deployment begins. The requests are those that delivery has recorded; nobody stands
behind them who could ask again. Their plan waits where it is blocked by something that passes (wait.py).
"""

from lifecycle.application.context import Context
from lifecycle.application.rollout import queue
from lifecycle.application.rollout.plan import Planned, begin
from lifecycle.application.rollout.supersede import supersede_halted, superseded
from lifecycle.domain.rollout.deployment import DeploymentState, Request


def begin_automatic(context: Context, request: Request, execution: str) -> Planned:
    """Begin an automatic deployment if the head of its branch still wants it, or let its plan wait."""
    if context.leases.current(request.cluster).deployment == request.deployment:
        return begin(context, request, execution)  # a call that was lost after it took the lease
    if late := superseded(context, request):
        context.record_request(request, f"superseded {request.version}", late)
        queue.close_pending(context, request, DeploymentState.SUPERSEDED, late)
        return Planned("REFUSED", 0, f"superseded: {late}")
    planned = begin(context, request, execution)
    supersede_halted(context, request.cluster)
    return planned

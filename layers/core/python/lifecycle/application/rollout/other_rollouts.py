"""The rollouts that run beside a deployment: they share the Describe calls of the account's load balancers."""

from lifecycle.application.context import Context
from lifecycle.domain.errors import CallFailed
from lifecycle.domain.rollout.deployment import Kind, Request


def other_rollouts(context: Context, request: Request) -> int:
    """Return how many other rollouts run in the account; 0 where nobody is warned, or where nobody may know."""
    if request.kind is not Kind.DEPLOY or request.only:
        return 0
    try:
        return sum(not each.startswith(request.deployment) for each in context.executions.running_rollouts())
    except CallFailed:  # it is for a warning only
        return 0

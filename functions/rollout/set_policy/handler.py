"""Policy floors of a scope; a function of its own, so that IAM lets administrators call it, and no operator."""

from lifecycle.application.operator_command import CommandResult, RequestedBy
from lifecycle.application.rollout.set_policy import set_floor, unset_floor
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.events import SetPolicy
from lifecycle.entrypoints.handler import command


@command(SetPolicy)
def handle(event: SetPolicy) -> CommandResult:
    """Set or unset the minimum for the policies of an environment or a cluster."""
    context, by = bootstrap.context(), RequestedBy(event.by, event.why)
    if event.lift:
        return unset_floor(context, event.scope, event.names, by)
    return set_floor(context, event.scope, event.settings, by)

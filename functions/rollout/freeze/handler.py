"""An operator freezes or unfreezes a cluster, an environment or everything; a function of its own, for IAM."""

from lifecycle.application.operator_command import CommandResult, RequestedBy
from lifecycle.application.rollout.freeze import freeze, unfreeze
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.events import SetFreeze
from lifecycle.entrypoints.handler import command


@command(SetFreeze)
def handle(event: SetFreeze) -> CommandResult:
    """Let no new version be deployed within a scope, or let it again."""
    context, by = bootstrap.context(), RequestedBy(event.by, event.why)
    if event.lift:
        return unfreeze(context, event.scope, by, event.made)
    return freeze(context, event.scope, by, event.until)

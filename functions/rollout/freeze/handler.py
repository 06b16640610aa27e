"""An operator freezes or unfreezes a cluster, an environment or everything; a function of its own, for IAM."""

from lifecycle.application.operator_command import CommandResult, RequestedBy
from lifecycle.application.rollout.freeze import freeze, unfreeze
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.events import SetFreeze
from lifecycle.entrypoints.handler import command


@command(SetFreeze)
def handle(asked: SetFreeze) -> CommandResult:
    """Let no new version be deployed within a scope, or let it again."""
    context, by = bootstrap.context(), RequestedBy(asked.by, asked.why)
    if asked.lift:
        return unfreeze(context, asked.scope, by, asked.made)
    return freeze(context, asked.scope, by, asked.until)

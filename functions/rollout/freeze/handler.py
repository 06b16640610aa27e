"""Freezes of a scope; a function of its own, so that IAM decides who may call it."""

from lifecycle.application.operator_command import CommandResult, RequestedBy
from lifecycle.application.rollout.freeze import freeze, unfreeze
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.events import SetFreeze
from lifecycle.entrypoints.handler import command


@command(SetFreeze)
def handle(event: SetFreeze) -> CommandResult:
    """Block deployments of new versions within a scope, or allow them again."""
    context, by = bootstrap.context(), RequestedBy(event.by, event.why)
    if event.lift:
        return unfreeze(context, event.scope, by, event.made)
    return freeze(context, event.scope, by, event.until)

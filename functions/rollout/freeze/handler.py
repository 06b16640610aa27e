"""An operator freezes or unfreezes a cluster, an environment or everything; a function of its own, for IAM."""

from lifecycle.application.operator_command import By, Done
from lifecycle.application.rollout.freeze import freeze, unfreeze
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.events import SetFreeze
from lifecycle.entrypoints.handler import command


@command(SetFreeze)
def handle(asked: SetFreeze) -> Done:
    """Let no new version be deployed within a scope, or let it again."""
    world, by = bootstrap.world(), By(asked.by, asked.why)
    if asked.lift:
        return unfreeze(world, asked.scope, by, asked.made)
    return freeze(world, asked.scope, by, asked.until)

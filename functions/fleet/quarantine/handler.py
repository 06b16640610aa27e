"""Quarantine: operators exclude a version or a host from later deployments, or include it again."""

from lifecycle.application.fleet.quarantine import lift_quarantine, quarantine
from lifecycle.application.operator_command import CommandResult, RequestedBy
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.events import SetQuarantine
from lifecycle.entrypoints.handler import command


@command(SetQuarantine)
def handle(event: SetQuarantine) -> CommandResult:
    """Quarantine the version or host, or lift its quarantine."""
    act = lift_quarantine if event.lift else quarantine
    return act(bootstrap.context(), event.cluster, event.name, RequestedBy(event.by, event.why))

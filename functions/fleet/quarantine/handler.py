"""An operator keeps a version or a host out of later deployments, or lets it in again."""

from lifecycle.application.fleet.quarantine import lift_quarantine, quarantine
from lifecycle.application.operator_command import CommandResult, RequestedBy
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.events import SetQuarantine
from lifecycle.entrypoints.handler import command


@command(SetQuarantine)
def handle(event: SetQuarantine) -> CommandResult:
    """Quarantine it, or lift its quarantine."""
    act = lift_quarantine if event.lift else quarantine
    return act(bootstrap.context(), event.cluster, event.name, RequestedBy(event.by, event.why))

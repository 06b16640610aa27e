"""Removal of a host by an operator."""

from lifecycle.application.fleet.remove_host import remove_host
from lifecycle.application.operator_command import CommandResult, RequestedBy
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.events import RemoveHost
from lifecycle.entrypoints.handler import command


@command(RemoveHost, for_console=True)
def handle(event: RemoveHost) -> CommandResult:
    """Delete the host's records, so that no deployment waits for it."""
    by = RequestedBy(event.by, event.why)
    return remove_host(bootstrap.context(), event.cluster, event.host, by, terminated=event.terminated)

"""Drain of a host whose instance Auto Scaling is about to end; Auto Scaling is asked whether that is so."""

from lifecycle.application.fleet.end_host import end_host
from lifecycle.application.operator_command import CommandResult
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.fleet_events import HostTerminating
from lifecycle.entrypoints.handler import program


@program(HostTerminating)
def handle(event: HostTerminating) -> CommandResult:
    """Take the host out of rotation, wait for its requests, and let Auto Scaling go on."""
    return end_host(bootstrap.context(), event.cluster, event.host)

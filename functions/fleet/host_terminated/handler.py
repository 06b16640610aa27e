"""Removal of a host whose Auto Scaling group has terminated its instance; EC2 is asked whether that is so."""

from lifecycle.application.fleet.remove_host import remove_host
from lifecycle.application.operator_command import CommandResult, RequestedBy
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.events import HostTerminated
from lifecycle.entrypoints.handler import program

AUTO_SCALING = RequestedBy("auto-scaling", "the instance was terminated")


@program(HostTerminated)
def handle(event: HostTerminated) -> CommandResult:
    """Delete the host's records, so that no deployment waits for it."""
    return remove_host(bootstrap.context(), event.cluster, event.host, AUTO_SCALING, terminated=True)

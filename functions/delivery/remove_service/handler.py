"""The removal of a service; a function of its own, so that IAM decides who may call it."""

from lifecycle.application.delivery.remove_service import remove_service
from lifecycle.application.operator_command import CommandResult, RequestedBy
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.delivery_events import RemoveService
from lifecycle.entrypoints.handler import command


@command(RemoveService)
def handle(event: RemoveService) -> CommandResult:
    """Withdraw every version of the service, and free its name, unless something of it is in use."""
    return remove_service(bootstrap.context(), event.service, RequestedBy(event.by, event.why))

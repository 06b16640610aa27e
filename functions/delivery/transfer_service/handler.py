"""The transfer of a service to another repository; a function of its own, so that IAM decides who may call it."""

from lifecycle.application.delivery.transfer_service import transfer_service
from lifecycle.application.operator_command import CommandResult, RequestedBy
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.delivery_events import TransferService
from lifecycle.entrypoints.handler import command


@command(TransferService)
def handle(event: TransferService) -> CommandResult:
    """Hand the service over, so that builds of the other repository may publish it."""
    return transfer_service(bootstrap.context(), event.service, event.to, RequestedBy(event.by, event.why))

"""The end of a push's run and of its build; a function of its own, so that IAM decides who may call it."""

from lifecycle.application.delivery.cancel_run import Cancelled, cancel_run
from lifecycle.application.operator_command import RequestedBy
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.delivery_events import CancelRun
from lifecycle.entrypoints.handler import command


@command(CancelRun)
def handle(event: CancelRun) -> Cancelled:
    """End the run, so that it makes no snapshot, and then its build."""
    return cancel_run(bootstrap.context(), bootstrap.builds(), event.run, RequestedBy(event.by, event.why))

"""The withdrawal of a release; a function of its own, so that IAM decides who may call it."""

from lifecycle.application.delivery.withdraw_release import withdraw_release
from lifecycle.application.operator_command import CommandResult, RequestedBy
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.delivery_events import WithdrawRelease
from lifecycle.entrypoints.handler import command


@command(WithdrawRelease)
def handle(event: WithdrawRelease) -> CommandResult:
    """Withdraw the release, so that no plan takes it, unless it was deployed."""
    return withdraw_release(bootstrap.context(), event.service, event.version, RequestedBy(event.by, event.why))

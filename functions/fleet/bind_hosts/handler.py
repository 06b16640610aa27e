"""Bindings of hosts to their addresses; a function of its own, so that IAM decides who may call it."""

from lifecycle.application.fleet.bind_hosts import bind_hosts
from lifecycle.application.operator_command import CommandResult, RequestedBy
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.events import BindHosts
from lifecycle.entrypoints.handler import command


@command(BindHosts)
def handle(event: BindHosts) -> CommandResult:
    """Name hosts of a cluster and their addresses."""
    return bind_hosts(bootstrap.context(), event.cluster, event.places, RequestedBy(event.by, event.why))

"""Removal of the hosts of a cluster whose stack CloudFormation has deleted."""

from lifecycle.application.fleet.forget_cluster import forget_hosts_of_deleted
from lifecycle.application.operator_command import CommandResult
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.fleet_events import StackDeleted
from lifecycle.entrypoints.handler import program


@program(StackDeleted)
def handle(event: StackDeleted) -> CommandResult:
    """Delete the records of all hosts; does nothing for a stack that is no cluster's."""
    cluster = event.cluster_or_none()
    if cluster is None:
        return CommandResult(f"{event.stack} is no cluster's stack: nothing to do")
    return forget_hosts_of_deleted(bootstrap.context(), cluster)

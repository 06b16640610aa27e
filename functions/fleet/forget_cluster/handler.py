"""Removal of the records of a cluster that is gone, by an operator."""

from lifecycle.application.fleet.forget_cluster import forget_cluster
from lifecycle.application.operator_command import CommandResult, RequestedBy
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.fleet_events import ForgetCluster
from lifecycle.entrypoints.handler import command


@command(ForgetCluster)
def handle(event: ForgetCluster) -> CommandResult:
    """Delete the records of all hosts, and the desired version."""
    return forget_cluster(bootstrap.context(), event.cluster, RequestedBy(event.by, event.why))

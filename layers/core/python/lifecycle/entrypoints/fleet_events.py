"""The events of functions/fleet that say that a host or a cluster is at its end."""

from pydantic import Field

from lifecycle import names
from lifecycle.domain.fleet.cluster import Cluster, is_cluster
from lifecycle.entrypoints.events import OfCluster, OfInstance
from lifecycle.entrypoints.recordable import Command


class ForgetCluster(OfCluster):
    """Remove the records of a cluster that no longer exists."""

    by: str = Field(min_length=1, max_length=200)
    why: str = Field(default="", max_length=1000)


class StackDeleted(Command):
    """CloudFormation says that it has deleted a stack; `stack` is its ARN."""

    stack: str = Field(max_length=2048)

    def cluster_or_none(self) -> Cluster | None:
        """Return the cluster of the stack; None for a stack that is no cluster's."""
        name = self.stack.split("/")[1] if self.stack.count("/") == 2 else ""
        found = [Cluster(*each) for each in names.clusters_of_stack(name) if is_cluster(*each)]
        return found[0] if found else None


class HostTerminating(OfInstance):
    """It is about to end the instance, and waits."""

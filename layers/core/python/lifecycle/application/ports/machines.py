"""The port to the machines of clusters whose hosts come from Auto Scaling."""

from collections.abc import Mapping
from typing import Protocol

from lifecycle.domain.fleet.cluster import Cluster


class Machines(Protocol):
    """The instances of Auto Scaling groups, as EC2 knows them."""

    def addresses(self, cluster: Cluster) -> Mapping[str, str] | None:
        """Return the private address of each instance of the cluster; None if it has no Auto Scaling group."""


class NoMachines:
    """No cluster has an Auto Scaling group, as far as this caller needs to know."""

    def addresses(self, cluster: Cluster) -> Mapping[str, str] | None:
        del cluster
        return None

"""The port to the machines of clusters whose hosts come from Auto Scaling."""

from collections.abc import Mapping
from typing import Protocol

from lifecycle.domain.fleet.cluster import Cluster


class Machines(Protocol):
    """The instances of Auto Scaling groups, as EC2 knows them. Without a group, nothing happens."""

    def addresses(self, cluster: Cluster) -> Mapping[str, str] | None:
        """Return the private address of each instance of the cluster; None if it has no Auto Scaling group."""

    def is_ending(self, cluster: Cluster, host: str) -> bool:
        """Return whether Auto Scaling is about to end this instance of the cluster's group."""

    def let_end(self, cluster: Cluster, host: str) -> None:
        """Let Auto Scaling end the instance now; does nothing if it waits no longer."""

    def guard(self, cluster: Cluster, *, at_work: bool) -> None:
        """Let no rebalancing of zones end an instance and, while the hosts are `at_work`, no smaller group either."""


class NoMachines:
    """No cluster has an Auto Scaling group, as far as this caller needs to know."""

    def addresses(self, cluster: Cluster) -> Mapping[str, str] | None:
        del cluster
        return None

    def is_ending(self, cluster: Cluster, host: str) -> bool:
        del cluster, host
        return False

    def let_end(self, cluster: Cluster, host: str) -> None:
        pass

    def guard(self, cluster: Cluster, *, at_work: bool) -> None:
        pass

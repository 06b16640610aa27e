"""Instances of Auto Scaling groups in memory."""

from collections.abc import Mapping

from lifecycle.domain.fleet.cluster import Cluster


class MemoryMachines:
    """`groups` are the clusters with an Auto Scaling group, each with its instances and their addresses."""

    def __init__(self) -> None:
        self.groups: dict[Cluster, dict[str, str]] = {}

    def addresses(self, cluster: Cluster) -> Mapping[str, str] | None:
        return self.groups.get(cluster)

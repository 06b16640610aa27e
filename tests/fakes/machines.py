"""Instances of Auto Scaling groups in memory."""

from collections.abc import Mapping

from lifecycle.domain.fleet.cluster import Cluster


class MemoryMachines:
    """`groups` are the clusters with an Auto Scaling group, each with its instances and their addresses.

    `ending` are the instances whose end waits for the hook, or began without it. `ended` are those that were let end.
    `protected` are the clusters whose instances a smaller group does not end.
    """

    def __init__(self) -> None:
        self.groups: dict[Cluster, dict[str, str]] = {}
        self.ending: set[str] = set()
        self.ended: list[str] = []
        self.protected: set[Cluster] = set()

    def addresses(self, cluster: Cluster) -> Mapping[str, str] | None:
        return self.groups.get(cluster)

    def is_ending(self, cluster: Cluster, host: str) -> bool:
        return host in self.groups.get(cluster, {}) and host in self.ending

    def let_end(self, cluster: Cluster, host: str) -> None:
        if self.is_ending(cluster, host) and host not in self.ended:
            self.ended.append(host)

    def guard(self, cluster: Cluster, *, at_work: bool) -> None:
        if cluster in self.groups:
            (self.protected.add if at_work else self.protected.discard)(cluster)

"""The registry in memory."""

from collections.abc import Sequence

from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.desired import Desired


class MemoryRegistry:
    """Desired versions by cluster. `deployed` are the clusters whose stack exists."""

    def __init__(self, deployed: Sequence[Cluster] = ()) -> None:
        self._deployed = set(deployed)
        self._desired: dict[Cluster, Desired] = {}

    def deploy(self, cluster: Cluster) -> None:
        """Deploy the stack of a cluster."""
        self._deployed.add(cluster)

    def desired(self, cluster: Cluster) -> Desired | None:
        return self._desired.get(cluster)

    def set_desired(self, cluster: Cluster, desired: Desired) -> None:
        self._desired[cluster] = desired

    def has(self, cluster: Cluster) -> bool:
        return cluster in self._deployed or cluster in self._desired

    def clusters(self) -> Sequence[Cluster]:
        return sorted(self._deployed | set(self._desired))

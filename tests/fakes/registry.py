"""The registry in memory."""

from collections.abc import Sequence

from lifecycle import names
from lifecycle.domain.errors import UnreadableRecord
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.rollout.policy_floor import PolicyFloor


class MemoryRegistry:
    """Desired versions by cluster, and policy floors. `deployed` are the clusters whose stack exists."""

    def __init__(self, deployed: Sequence[Cluster] = ()) -> None:
        self._deployed = set(deployed)
        self._desired: dict[Cluster, Desired] = {}
        self._floors: dict[str, PolicyFloor] = {}
        self.damaged_floors: set[str] = set()

    def deploy(self, cluster: Cluster) -> None:
        """Deploy the stack of a cluster."""
        self._deployed.add(cluster)

    def desired(self, cluster: Cluster) -> Desired | None:
        return self._desired.get(cluster)

    def set_desired(self, cluster: Cluster, desired: Desired) -> None:
        self._desired[cluster] = desired

    def forget_desired(self, cluster: Cluster) -> None:
        self._desired.pop(cluster, None)

    def floor(self, scope: str) -> PolicyFloor | None:
        if scope in self.damaged_floors:
            raise UnreadableRecord(names.policy_parameter(scope), "a PolicyFloor", "damage", "Replace it.")
        return self._floors.get(scope)

    def set_floor(self, floor: PolicyFloor) -> None:
        self._floors[floor.scope] = floor
        self.damaged_floors.discard(floor.scope)

    def unset_floor(self, scope: str) -> None:
        self._floors.pop(scope, None)
        self.damaged_floors.discard(scope)

    def has(self, cluster: Cluster) -> bool:
        return cluster in self._deployed or cluster in self._desired

    def clusters(self) -> Sequence[Cluster]:
        return sorted(self._deployed | set(self._desired))

"""A load balancer in memory: `states` are its targets by address; a test moves them on with `settle`."""

from collections.abc import Mapping

from lifecycle.domain.capacity import TargetState
from lifecycle.domain.errors import Unknown
from lifecycle.domain.fleet import Cluster


class MemoryDispatcher:
    """A target is INITIAL when registered, DRAINING when deregistered, until `settle`; `dead` ones fail."""

    def __init__(self, clusters: Mapping[Cluster, str]) -> None:
        self._paths = dict(clusters)
        self.states: dict[Cluster, dict[str, TargetState]] = {cluster: {} for cluster in clusters}
        self.dead: set[str] = set()

    def targets(self, cluster: Cluster) -> Mapping[str, TargetState]:
        return dict(self._of(cluster))

    def register(self, cluster: Cluster, address: str, port: int) -> None:
        del port
        self._of(cluster)[address] = TargetState.INITIAL

    def deregister(self, cluster: Cluster, address: str, port: int) -> None:
        del port
        if address in self._of(cluster):
            self._of(cluster)[address] = TargetState.DRAINING

    def health_path(self, cluster: Cluster) -> str | None:
        self._of(cluster)
        return self._paths[cluster]

    def settle(self) -> None:
        """Let every drain end and every health check run once."""
        for states in self.states.values():
            for address, state in list(states.items()):
                if state is TargetState.DRAINING:
                    del states[address]
                else:
                    states[address] = TargetState.UNHEALTHY if address in self.dead else TargetState.HEALTHY

    def _of(self, cluster: Cluster) -> dict[str, TargetState]:
        if cluster not in self.states:
            name = f"/lifecycle/{cluster}/target-group"
            raise Unknown(
                "cluster", str(cluster), f"deploy its stack first, which writes the parameter {name}"
            )
        return self.states[cluster]

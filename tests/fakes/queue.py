"""The pending deployments in memory."""

from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.queue import PendingDeployment


class MemoryQueue:
    """At most one pending deployment for each cluster."""

    def __init__(self) -> None:
        self._waiting: dict[Cluster, PendingDeployment] = {}

    def waiting(self, cluster: Cluster) -> PendingDeployment | None:
        return self._waiting.get(cluster)

    def replace(self, cluster: Cluster, expected: PendingDeployment | None, new: PendingDeployment | None) -> bool:
        held = self._waiting.get(cluster)
        if held == new:
            return True
        wanted = expected.request.deployment if expected else None
        if (held.request.deployment if held else None) != wanted:
            return False
        if new is None:
            self._waiting.pop(cluster, None)
        else:
            self._waiting[cluster] = new
        return True

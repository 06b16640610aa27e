"""The port to the pending slot of each cluster."""

from typing import Protocol

from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.queue import PendingDeployment


class Queue(Protocol):
    """A queue of one a cluster: the deployment that waits for its lease."""

    def waiting(self, cluster: Cluster) -> PendingDeployment | None: ...

    def replace(
        self, cluster: Cluster, expected: PendingDeployment | None, new: PendingDeployment | None
    ) -> bool:
        """Put `new` (None for nobody) in the place of `expected`; False when another stands there."""
        ...

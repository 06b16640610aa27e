"""The port to the pending slot of each cluster."""

from typing import Protocol

from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.queue import Waiting


class Queue(Protocol):
    """A queue of one a cluster: the deployment that waits for its lease."""

    def waiting(self, cluster: Cluster) -> Waiting | None: ...

    def replace(self, cluster: Cluster, standing: Waiting | None, new: Waiting | None) -> bool:
        """Put `new` (None for nobody) in the place of `standing`; False when another stands there."""
        ...

"""The port to the pending slot of each cluster."""

from typing import Protocol

from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.queue import PendingDeployment


class Queue(Protocol):
    """The pending slot of each cluster: the one deployment that waits for its lease."""

    def waiting(self, cluster: Cluster) -> PendingDeployment | None: ...

    def replace(self, cluster: Cluster, expected: PendingDeployment | None, new: PendingDeployment | None) -> bool:
        """Replace `expected` by `new`, None for an empty slot; returns False if the slot has another deployment.

        Returns True if the slot is as wanted already.
        """

"""The port to the desired versions."""

from collections.abc import Sequence
from typing import Protocol

from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.desired import Desired


class Registry(Protocol):
    """The desired versions, in SSM Parameter Store.

    Parameters have no conditional writes, so only the holder of a cluster's lease may call `set_desired`.
    """

    def desired(self, cluster: Cluster) -> Desired | None: ...
    def set_desired(self, cluster: Cluster, desired: Desired) -> None: ...
    def clusters(self) -> Sequence[Cluster]: ...
    def has(self, cluster: Cluster) -> bool:
        """Return whether the cluster exists, also if nothing was ever deployed there."""

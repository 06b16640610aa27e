"""The port to the desired versions."""

from collections.abc import Sequence
from typing import Protocol

from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.desired import Desired


class Registry(Protocol):
    """Desired versions in SSM Parameter Store. The lease is what makes `set_desired` safe."""

    def desired(self, cluster: Cluster) -> Desired | None: ...
    def set_desired(self, cluster: Cluster, desired: Desired) -> None: ...
    def clusters(self) -> Sequence[Cluster]: ...

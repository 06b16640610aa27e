"""The port to the desired versions and the policy floors."""

from collections.abc import Sequence
from typing import Protocol

from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.rollout.policy_floor import PolicyFloor


class Registry(Protocol):
    """The desired versions and the policy floors, in SSM Parameter Store.

    Parameters have no conditional writes, so only the holder of a cluster's lease may call `set_desired`. Of two
    administrators who write a floor at once, the later one counts.
    """

    def desired(self, cluster: Cluster) -> Desired | None: ...
    def set_desired(self, cluster: Cluster, desired: Desired) -> None: ...
    def forget_desired(self, cluster: Cluster) -> None:
        """Delete the desired version of a cluster that is gone; does nothing if there is none."""

    def clusters(self) -> Sequence[Cluster]: ...
    def has(self, cluster: Cluster) -> bool:
        """Return whether the cluster exists, also if nothing was ever deployed there."""

    def floor(self, scope: str) -> PolicyFloor | None:
        """Return the policy floor of an environment or a cluster; raises UnreadableRecord for a value not allowed."""

    def set_floor(self, floor: PolicyFloor) -> None: ...
    def unset_floor(self, scope: str) -> None:
        """Delete the policy floor of a scope, if there is one, also one that cannot be read."""

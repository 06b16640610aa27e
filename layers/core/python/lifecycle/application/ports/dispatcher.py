"""What the phases need of the load balancer in front of a cluster.

Implemented by gateways/aws and gateways/memory; tests/contract holds both to the same behaviour.
"""

from collections.abc import Mapping
from typing import Protocol

from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.target_group import Group, TargetState


class Dispatcher(Protocol):
    """The load balancer in front of a cluster. Targets are told by the address of their host.

    A cluster has a main target group and, unless its stack is an old one, those of a test bed and its control.
    On an ALB the Describe calls of a whole account refill at 10 a second, so each method says what it costs.
    """

    def targets(self, cluster: Cluster) -> Mapping[str, TargetState]:
        """Every target's state in the main group; of one that is not there, ASIDE or its state in the other two.

        One call, three where the cluster has a test bed.
        """
        ...

    def target(self, cluster: Cluster, address: str) -> TargetState:
        """One target's state, as `targets` tells it: what to poll with. One call while it is in the main group."""
        ...

    def members(self, cluster: Cluster, group: Group) -> Mapping[str, TargetState]:
        """One group's targets, in its own states; none where there is no such group. One call."""
        ...

    def register(self, cluster: Cluster, address: str, port: int, group: Group = Group.MAIN) -> None:
        """Put a target into a group; raises Unknown where there is no such group."""
        ...

    def deregister(self, cluster: Cluster, address: str, port: int, group: Group | None = None) -> None:
        """Take a target out of one group, or out of every one that it is in; not to be in it is fine."""
        ...

    def has_test_bed(self, cluster: Cluster) -> bool:
        """Whether the cluster's stack has the other two groups, and named its listener."""
        ...

    def weigh(self, cluster: Cluster, weights: Mapping[Group, int]) -> None:
        """Share the requests among the groups by these weights, 0 to 999; one that is not named gets 0.

        A group without a healthy target answers its share with 503. So the caller weighs after its first target
        is healthy, and sets 0 before its last one is deregistered. Raises Unknown where there is no test bed.
        """
        ...

    def weights(self, cluster: Cluster) -> Mapping[Group, int]:
        """The weight of every group; all to the main one where there is no test bed. One call."""
        ...

    def health_path(self, cluster: Cluster) -> str | None: ...

"""The port to the dispatcher: the load balancer in front of a cluster, or the ledger for one without HTTP.

Implemented by gateways and tests/fakes; tests/contract proves that they behave alike.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.strays import RegisteredTarget
from lifecycle.domain.fleet.target_group import Group, TargetState


class Dispatcher(Protocol):
    """The load balancer in front of a cluster. A target is identified by the address of its host.

    A cluster has a main target group and, unless its stack is old, one for the test bed and one for the
    control. An ALB's Describe calls are limited to 10 per second for a whole account, so each method states its
    calls.

    A cluster without a load balancer has the main group only. Its targets are the hosts that are meant to work, and
    their states come from their newest reports (docs/adr/0023).
    """

    def has_load_balancer(self, cluster: Cluster) -> bool:
        """Return whether the cluster's hosts get requests; True for a cluster that has no stack."""

    def targets(self, cluster: Cluster, addresses: Collection[str] | None = None) -> Mapping[str, TargetState]:
        """Return each target's state in the main group; with `addresses`, only of these.

        For a target that is only in another group, the state is TEST_GROUP if it is healthy there, else its
        state there. One call if all `addresses` are in the main group or the cluster has no test bed. Else three
        calls, and one more with `addresses`.
        """

    def target(self, cluster: Cluster, address: str) -> TargetState:
        """Return one target's state as `targets` does; use it to poll. One call while it is in the main group."""

    def members(self, cluster: Cluster, group: Group) -> Mapping[str, TargetState]:
        """Return one group's targets with their states in it; none if there is no such group. One call."""

    def registered(self, cluster: Cluster, group: Group | None = None) -> Sequence[RegisteredTarget]:
        """Return every target of one group, or of all, with its port. One call for each group."""

    def register(self, cluster: Cluster, address: str, port: int, group: Group = Group.MAIN) -> None:
        """Add a target to a group; raises Unknown if there is no such group."""

    def deregister(self, cluster: Cluster, address: str, port: int | None = None, group: Group | None = None) -> None:
        """Remove a target from one group, or from all its groups; no error if it is in none.

        Without a port, every target of the address is removed: the host may have been registered with another port
        than it reports now. That takes one Describe call more for each group.
        """

    def has_test_bed(self, cluster: Cluster) -> bool:
        """Return whether the cluster's stack has the other two groups and a known listener."""

    def weigh(self, cluster: Cluster, weights: Mapping[Group, int]) -> None:
        """Set the groups' traffic weights, 0 to 999; a group that is not named gets 0.

        A group without a healthy target answers its requests with 503. So the caller sets its weight after
        the first target is healthy, and 0 before the last one is deregistered. Raises Unknown if there is no
        test bed.
        """

    def weights(self, cluster: Cluster) -> Mapping[Group, int]:
        """Return the weight of every group; without a test bed, the main group has all traffic. One call."""

    def health_path(self, cluster: Cluster) -> str | None:
        """Return the path that the load balancer checks; None without one."""

    def drain_delays(self, cluster: Cluster) -> Mapping[Group, int]:
        """Return the deregistration delay of each of the cluster's groups, in seconds. One call a group."""

    def check_failure(self, cluster: Cluster, address: str, group: Group) -> str:
        """Return what the load balancer found when it checked a target; empty if it has nothing to say. One call."""

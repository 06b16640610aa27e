"""The port Dispatcher for all clusters: a load balancer for those that have one, the ledger for the others.

Which of them a cluster has is a fact of its stack (docs/adr/0023).
"""

from collections.abc import Collection, Mapping, Sequence

from lifecycle.application.ports.dispatcher import Dispatcher
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.strays import RegisteredTarget
from lifecycle.domain.fleet.target_group import Group, TargetState


class ClusterDispatcher:
    """Passes each call on; `balanced` says which clusters have a load balancer."""

    def __init__(self, balanced: Dispatcher, ledger: Dispatcher) -> None:
        self._balanced = balanced
        self._ledger = ledger

    def _of(self, cluster: Cluster) -> Dispatcher:
        return self._balanced if self._balanced.has_load_balancer(cluster) else self._ledger

    def has_load_balancer(self, cluster: Cluster) -> bool:
        return self._balanced.has_load_balancer(cluster)

    def targets(self, cluster: Cluster, addresses: Collection[str] | None = None) -> Mapping[str, TargetState]:
        return self._of(cluster).targets(cluster, addresses)

    def target(self, cluster: Cluster, address: str) -> TargetState:
        return self._of(cluster).target(cluster, address)

    def members(self, cluster: Cluster, group: Group) -> Mapping[str, TargetState]:
        return self._of(cluster).members(cluster, group)

    def registered(self, cluster: Cluster, group: Group | None = None) -> Sequence[RegisteredTarget]:
        return self._of(cluster).registered(cluster, group)

    def register(self, cluster: Cluster, address: str, port: int, group: Group = Group.MAIN) -> None:
        self._of(cluster).register(cluster, address, port, group)

    def deregister(self, cluster: Cluster, address: str, port: int | None = None, group: Group | None = None) -> None:
        self._of(cluster).deregister(cluster, address, port, group)

    def has_test_bed(self, cluster: Cluster) -> bool:
        return self._of(cluster).has_test_bed(cluster)

    def weigh(self, cluster: Cluster, weights: Mapping[Group, int]) -> None:
        self._of(cluster).weigh(cluster, weights)

    def weights(self, cluster: Cluster) -> Mapping[Group, int]:
        return self._of(cluster).weights(cluster)

    def health_path(self, cluster: Cluster) -> str | None:
        return self._of(cluster).health_path(cluster)

    def drain_delays(self, cluster: Cluster) -> Mapping[Group, int]:
        return self._of(cluster).drain_delays(cluster)

    def check_failure(self, cluster: Cluster, address: str, group: Group) -> str:
        return self._of(cluster).check_failure(cluster, address, group)

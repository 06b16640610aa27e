"""The records that a step reads first, from the other fakes."""

from collections.abc import Sequence

from lifecycle.application.ports.step_reads import HostRecords, LoopRecords, StepRecords
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.deployment import Deployment, without_hosts
from lifecycle.domain.rollout.lease import Lease
from tests.fakes.deployments import MemoryDeployments
from tests.fakes.fleet import MemoryFleet
from tests.fakes.leases import MemoryLeases


class MemoryStepReads:
    """Reads from the other fakes."""

    def __init__(self, leases: MemoryLeases, deployments: MemoryDeployments, fleet: MemoryFleet) -> None:
        self._leases = leases
        self._deployments = deployments
        self._fleet = fleet

    def of_host(self, cluster: Cluster, deployment: str, host: str, attempt: int) -> StepRecords:
        return StepRecords(
            deployment=self._slim(cluster, deployment),
            lease=self._leases.current(cluster),
            attempt=self._deployments.attempt(deployment, host, attempt),
            report=self._fleet.report(cluster, host),
        )

    def of_deployment(self, cluster: Cluster, deployment: str) -> tuple[Deployment | None, Lease]:
        return self._slim(cluster, deployment), self._leases.current(cluster)

    def _slim(self, cluster: Cluster, deployment: str) -> Deployment | None:
        found = self._deployments.get(cluster, deployment)
        return without_hosts(found) if found else None

    def of_loop(self, cluster: Cluster, deployment: str) -> LoopRecords:
        found, lease = self.of_deployment(cluster, deployment)
        return LoopRecords(found, lease, self._deployments.checkpoint(deployment))

    def of_hosts(
        self, cluster: Cluster, deployment: str, attempts: Sequence[tuple[str, int]], hosts: Sequence[str]
    ) -> HostRecords:
        tried = [self._deployments.attempt(deployment, *each) for each in attempts]
        found = {host: self._fleet.report(cluster, host) for host in hosts}
        return HostRecords(
            attempts=[each for each in tried if each],
            reports=self._fleet.bound(cluster).trusted({host: each for host, each in found.items() if each}),
        )

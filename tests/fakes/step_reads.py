"""The records that a step reads first, from the other fakes."""

from lifecycle.application.ports.step_reads import StepRecords
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.deployment import Deployment
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
        tried = self._deployments.attempts(deployment)
        return StepRecords(
            deployment=self._deployments.get(cluster, deployment),
            lease=self._leases.current(cluster),
            attempt=next((each for each in tried if (each.host, each.number) == (host, attempt)), None),
            report=self._fleet.report(cluster, host),
        )

    def of_deployment(self, cluster: Cluster, deployment: str) -> tuple[Deployment | None, Lease]:
        return self._deployments.get(cluster, deployment), self._leases.current(cluster)

"""The port to the records that every step reads first."""

from dataclasses import dataclass
from typing import Protocol

from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.host import HostReport
from lifecycle.domain.rollout.attempt import HostAttempt
from lifecycle.domain.rollout.deployment import Deployment
from lifecycle.domain.rollout.lease import Lease


@dataclass(frozen=True, slots=True)
class StepRecords:
    """What a stage looks at before it does anything."""

    deployment: Deployment | None
    lease: Lease
    attempt: HostAttempt | None
    report: HostReport | None


class StepReads(Protocol):
    """The records that every step looks at first, in one read each; consistent one by one, not as a whole."""

    def of_host(self, cluster: Cluster, deployment: str, host: str, attempt: int) -> StepRecords: ...
    def of_deployment(self, cluster: Cluster, deployment: str) -> tuple[Deployment | None, Lease]: ...

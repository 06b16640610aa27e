"""The port to the records that every phase of a rollout reads first."""

from dataclasses import dataclass
from typing import Protocol

from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.host import HostReport
from lifecycle.domain.rollout.attempt import HostAttempt
from lifecycle.domain.rollout.deployment import Deployment
from lifecycle.domain.rollout.lease import Lease


@dataclass(frozen=True, slots=True)
class StepRecords:
    """The records that a stage checks before it does anything."""

    deployment: Deployment | None
    lease: Lease
    attempt: HostAttempt | None
    report: HostReport | None


class StepReads(Protocol):
    """Reads of several records in one call; each record is consistent, but not all of them at one moment."""

    def of_host(self, cluster: Cluster, deployment: str, host: str, attempt: int) -> StepRecords: ...
    def of_deployment(self, cluster: Cluster, deployment: str) -> tuple[Deployment | None, Lease]: ...

"""The port to the records that every phase of a rollout reads first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.host import HostReport
from lifecycle.domain.rollout.attempt import HostAttempt
from lifecycle.domain.rollout.checkpoint import Checkpoint
from lifecycle.domain.rollout.deployment import Deployment
from lifecycle.domain.rollout.lease import Lease


@dataclass(frozen=True, slots=True)
class StepRecords:
    """The records that a stage checks before it does anything."""

    deployment: Deployment | None
    lease: Lease
    attempt: HostAttempt | None
    report: HostReport | None


@dataclass(frozen=True, slots=True)
class LoopRecords:
    """The records that the rollout's loop reads first."""

    deployment: Deployment | None
    lease: Lease
    checkpoint: Checkpoint | None


@dataclass(frozen=True, slots=True)
class HostRecords:
    """Attempts and reports of some hosts; those that do not exist are left out."""

    attempts: Sequence[HostAttempt]
    reports: Mapping[str, HostReport]


class StepReads(Protocol):
    """Reads of several records in one call; each record is consistent, but not all of them at one moment.

    A deployment comes without the order of its hosts.
    """

    def of_host(self, cluster: Cluster, deployment: str, host: str, attempt: int) -> StepRecords: ...
    def of_deployment(self, cluster: Cluster, deployment: str) -> tuple[Deployment | None, Lease]: ...
    def of_loop(self, cluster: Cluster, deployment: str) -> LoopRecords: ...

    def of_hosts(
        self, cluster: Cluster, deployment: str, attempts: Sequence[tuple[str, int]], hosts: Sequence[str]
    ) -> HostRecords:
        """Return these attempts, each a host and a number, and the reports of these hosts."""

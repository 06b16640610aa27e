"""The port to reads over many clusters at once.

Only the console and the command line use it; no phase does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.lease import Lease
from lifecycle.domain.rollout.queue import PendingDeployment


@dataclass(frozen=True, slots=True)
class LeaseAndQueue:
    """Who has a cluster's lease, and who waits for it."""

    lease: Lease
    waiting: PendingDeployment | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """One run of a push: the execution's name, `<repository>-<commit>`, and its state as Step Functions says it."""

    name: str
    status: str
    started_at: datetime
    stopped_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Catalog:
    """What was built of a service: each snapshot with its facts, each release with its snapshot."""

    snapshots: Mapping[str, Mapping[str, str]]
    releases: Mapping[str, str]


class ClusterQueries(Protocol):
    """What the phases never ask: about many clusters at once, and about what is over."""

    def clusters(self, *, afresh: bool = False) -> Sequence[Cluster]:
        """Every cluster that stands; remembered for a minute, because the registry lists ten names a call."""
        ...

    def leases_and_queues(self, clusters: Sequence[Cluster]) -> Mapping[Cluster, LeaseAndQueue]:
        """The lease and the queue of each, 50 clusters a read."""
        ...

    def catalog(self, service: str) -> Catalog:
        """Its snapshots and its releases, in one read."""
        ...

    def deliveries(self) -> Sequence[Delivery]:
        """The newest runs of pushes, the newest first."""
        ...

"""The port to reads over many clusters at once.

Only the console and the command line use it; no phase does.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.lease import Lease
from lifecycle.domain.rollout.queue import PendingDeployment
from lifecycle.domain.service.commits import CommitCounts
from lifecycle.domain.service.withdrawal import Withdrawal


@dataclass(frozen=True, slots=True)
class LeaseAndQueue:
    """A cluster's lease, the deployment in its pending slot, and a sentence for what cannot be read of the slot."""

    lease: Lease
    waiting: PendingDeployment | None
    unreadable: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Delivery:
    """One run of a push: the execution's name, `<repository>-<commit>`, and its state as Step Functions says it."""

    name: str
    status: str
    started_at: datetime
    stopped_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Catalog:
    """The versions of a service: each snapshot with its facts, each release with its snapshot.

    `unreadable` has a sentence for each that cannot be read. Such a release has no snapshot. `withdrawn` are the
    releases whose withdrawal is done.
    """

    snapshots: Mapping[str, Mapping[str, str]]
    releases: Mapping[str, str]
    unreadable: tuple[str, ...] = ()
    withdrawn: Mapping[str, Withdrawal] = field(default_factory=dict)


class ClusterQueries(Protocol):
    """Reads that no phase needs: over many clusters at once, and over finished deliveries."""

    def clusters(self, *, afresh: bool = False) -> Sequence[Cluster]:
        """Return every deployed cluster, at most a minute old: the registry lists ten names per call."""

    def leases_and_queues(self, clusters: Sequence[Cluster]) -> Mapping[Cluster, LeaseAndQueue]:
        """Return the lease and the queue of each cluster, read 50 at a time."""

    def catalog(self, service: str) -> Catalog:
        """Return a service's snapshots and releases, in one read."""

    def commit_counts(self, versions: Mapping[str, Collection[str]]) -> Mapping[str, CommitCounts]:
        """Return how many commits the newest snapshot and these versions of each service have, in a few reads.

        A record that cannot be read leaves its count unknown.
        """

    def deliveries(self) -> Sequence[Delivery]:
        """Return the newest deliveries, the newest first."""

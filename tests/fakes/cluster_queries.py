"""Reads over many clusters at once, from the other fakes."""

from collections.abc import Collection, Mapping, Sequence

from lifecycle.application.ports.cluster_queries import Catalog, Delivery, LeaseAndQueue
from lifecycle.domain.delivery.removal import former_owner
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.service.commits import COMMITS, CommitCounts
from lifecycle.domain.service.withdrawal import done
from tests.fakes.catalogue import MemoryCatalogue
from tests.fakes.leases import MemoryLeases
from tests.fakes.queue import MemoryQueue
from tests.fakes.registry import MemoryRegistry


class MemoryClusterQueries:
    """The fake; a test fills `runs`."""

    def __init__(
        self,
        leases: MemoryLeases,
        queue: MemoryQueue,
        registry: MemoryRegistry,
        catalogue: MemoryCatalogue,
    ) -> None:
        self._leases = leases
        self._catalogue = catalogue
        self._queue = queue
        self._registry = registry
        self.runs: list[Delivery] = []

    def clusters(self, *, afresh: bool = False) -> Sequence[Cluster]:
        del afresh
        return self._registry.clusters()

    def leases_and_queues(self, clusters: Sequence[Cluster]) -> Mapping[Cluster, LeaseAndQueue]:
        return {each: LeaseAndQueue(self._leases.current(each), self._queue.waiting(each)) for each in clusters}

    def catalog(self, service: str) -> Catalog:
        withdrawn = done(self._catalogue.withdrawals(service))
        return Catalog(self._catalogue.snapshots(service), self._catalogue.releases(service), withdrawn=withdrawn)

    def commit_counts(self, versions: Mapping[str, Collection[str]]) -> Mapping[str, CommitCounts]:
        return {service: self._counts(service, some) for service, some in versions.items()}

    def _counts(self, service: str, versions: Collection[str]) -> CommitCounts:
        builds = self._catalogue.builds(former_owner(self._catalogue.owner(service) or ""))
        if (newest := builds.newest.get(service)) is None:
            return CommitCounts()
        found, releases = self._catalogue.snapshots(service), self._catalogue.releases(service)
        counts = {each: int(found.get(releases.get(each, each), {}).get(COMMITS, 0)) for each in versions}
        return CommitCounts(newest.snapshot, newest.commits, counts)

    def deliveries(self) -> Sequence[Delivery]:
        return sorted(self.runs, key=lambda run: run.started_at, reverse=True)

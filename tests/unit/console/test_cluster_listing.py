"""Which clusters stand is remembered for a minute, because an account's calls of SSM are few."""

from collections.abc import Sequence
from typing import Any

from lifecycle.application.ports.registry import Registry
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.gateways.aws.cluster_queries import DynamoClusterQueries
from lifecycle.gateways.memory.registry import MemoryRegistry

HELLO, OTHER = Cluster("production", "hello"), Cluster("production", "other")


class Counting(MemoryRegistry):
    """A registry that knows how often it was listed."""

    lists = 0

    def clusters(self) -> Sequence[Cluster]:
        self.lists += 1
        return super().clusters()


def sights(registry: Registry, now: list[float]) -> DynamoClusterQueries:
    nobody: Any = None
    return DynamoClusterQueries(nobody, registry, nobody, "", lambda: now[0])


def test_clusters_are_listed_once_a_minute_or_when_somebody_insists() -> None:
    registry, now = Counting([HELLO]), [100.0]
    seen = sights(registry, now)
    assert [*seen.clusters(), *seen.clusters()] == [HELLO, HELLO]
    assert registry.lists == 1
    seen.clusters(afresh=True)
    assert registry.lists == 2
    now[0] += 61
    seen.clusters()
    assert registry.lists == 3


def test_as_long_as_there_is_no_cluster_it_looks_every_time() -> None:
    registry = Counting([])
    seen = sights(registry, [0.0])
    assert [*seen.clusters(), *seen.clusters()] == []
    assert registry.lists == 2

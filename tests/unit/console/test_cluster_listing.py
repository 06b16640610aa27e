"""The list of clusters is cached for a minute, because SSM limits an account's calls."""

from collections.abc import Sequence
from typing import Any

from lifecycle.application.ports.registry import Registry
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.gateways.aws.cluster_queries import DynamoClusterQueries
from tests.fakes.registry import MemoryRegistry

HELLO, OTHER = Cluster("production", "hello"), Cluster("production", "other")


class Counting(MemoryRegistry):
    """A registry that knows how often it was listed."""

    lists = 0

    def clusters(self) -> Sequence[Cluster]:
        self.lists += 1
        return super().clusters()


def listing(registry: Registry, now: list[float]) -> DynamoClusterQueries:
    nobody: Any = None
    return DynamoClusterQueries(nobody, registry, nobody, "", lambda: now[0])


def test_clusters_are_listed_once_a_minute_or_afresh() -> None:
    registry, now = Counting([HELLO]), [100.0]
    queries = listing(registry, now)
    assert [*queries.clusters(), *queries.clusters()] == [HELLO, HELLO]
    assert registry.lists == 1
    queries.clusters(afresh=True)
    assert registry.lists == 2
    now[0] += 61
    queries.clusters()
    assert registry.lists == 3


def test_empty_listing_is_never_cached() -> None:
    registry = Counting([])
    queries = listing(registry, [0.0])
    assert [*queries.clusters(), *queries.clusters()] == []
    assert registry.lists == 2

"""The scope of a view: its clusters, and the page of them that it shows."""

from collections.abc import Sequence
from dataclasses import dataclass

from lifecycle.application.queries.context import K, QueryContext
from lifecycle.domain.errors import Unknown
from lifecycle.domain.fleet.cluster import Cluster, service_name

# The clusters or services on a page.
PAGE = 10


@dataclass(frozen=True, slots=True)
class Scope:
    """A selection of clusters: all, one service, one environment or one cluster; and the number of a page.

    `find` has the words and `sort` the order of the rows of a page, where a view has rows to choose (matrix.py).
    """

    service: str = ""
    environment: str = ""
    page: int = 1
    find: str = ""
    sort: str = ""

    def covers(self, cluster: Cluster) -> bool:
        return self.service in ("", cluster.service) and self.environment in ("", cluster.environment)


@dataclass(frozen=True, slots=True)
class Page:
    """The number of a page, the count of pages, and every service that may be chosen instead."""

    number: int
    of: int
    services: tuple[str, ...]


def clusters_in(query: QueryContext, scope: Scope) -> tuple[list[Cluster], tuple[str, ...]]:
    """Return the clusters of a scope, and every service.

    Raises Unknown for a scope without a cluster, InvalidName for a name that no cluster may have.
    """
    every = list(query.cluster_queries.clusters())
    if scope.service and not any(each.service == service_name(scope.service) for each in every):
        every = list(query.cluster_queries.clusters(afresh=True))
    services = tuple(sorted({each.service for each in every}))
    if scope.environment:
        Cluster(scope.environment, "any")  # raises InvalidName for another environment
    found = [each for each in every if scope.covers(each)]
    if not found and (scope.service or scope.environment):
        named = " in ".join(filter(None, (scope.service, scope.environment)))
        hint = "Deploy a cluster stack for it first."
        raise Unknown("cluster", hint=hint, of=named, known=map(str, every))
    return found, services


def page_of(
    found: Sequence[K], scope: Scope, services: tuple[str, ...], size: int = PAGE
) -> tuple[Sequence[K], Page]:
    """Return one page; a number beyond the last page means the last."""
    pages = max(1, -(-len(found) // size))
    number = min(max(scope.page, 1), pages)
    return found[(number - 1) * size : number * size], Page(number, pages, services)

"""The scope of a view: which clusters it is about, and which page of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from lifecycle.application.queries.context import K, QueryContext
from lifecycle.domain.errors import Unknown
from lifecycle.domain.fleet.cluster import Cluster, service_name

# What a widget shows in full; the others are a page further.
PAGE = 10


@dataclass(frozen=True, slots=True)
class Scope:
    """What a widget is about: everything, one service, one environment, or one cluster; and which page of it."""

    service: str = ""
    environment: str = ""
    page: int = 1

    def covers(self, cluster: Cluster) -> bool:
        return self.service in ("", cluster.service) and self.environment in ("", cluster.environment)


@dataclass(frozen=True, slots=True)
class Page:
    """Which of how many pages, and every service that may be chosen instead."""

    number: int
    of: int
    services: tuple[str, ...]


def clusters_in(query: QueryContext, scope: Scope) -> tuple[list[Cluster], tuple[str, ...]]:
    """The clusters that a widget is about, and every service; raises Unknown, InvalidName for what is not there."""
    every = list(query.cluster_queries.clusters())
    if scope.service and not any(each.service == service_name(scope.service) for each in every):
        every = list(query.cluster_queries.clusters(afresh=True))
    services = tuple(sorted({each.service for each in every}))
    if scope.environment:
        Cluster(scope.environment, "any")  # raises InvalidName for another environment
    found = [each for each in every if scope.covers(each)]
    if not found and (scope.service or scope.environment):
        asked = " in ".join(filter(None, (scope.service, scope.environment)))
        known = ", ".join(map(str, every)) or "none"
        raise Unknown("cluster", f"of {asked}", f"known: {known}; a cluster is known when its stack stands")
    return found, services


def page_of(found: Sequence[K], scope: Scope, services: tuple[str, ...]) -> tuple[Sequence[K], Page]:
    """One page of what was found; a page beyond the last is the last."""
    pages = max(1, -(-len(found) // PAGE))
    number = min(max(scope.page, 1), pages)
    return found[(number - 1) * PAGE : number * PAGE], Page(number, pages, services)

"""The DORA figures of each service in production.

Read by functions/console/show_dora; reads only.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from lifecycle.application.queries.context import QueryContext, in_parallel
from lifecycle.application.queries.scope import Page, Scope, clusters_in, page_of
from lifecycle.application.readable import Rows
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.monitoring.dora import Dora, dora
from lifecycle.domain.service.version import SnapshotVersion

# The newest deployments of a cluster that are read; a view says when its window holds more.
DEPLOYMENTS_READ = 100


@dataclass(frozen=True, slots=True)
class ServiceDora:
    """One service in production; `cut` says that the window holds more deployments than were read."""

    service: str
    dora: Dora
    cut: bool
    unreadable: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DoraView:
    """The services of one page, over the same days."""

    days: int
    figures: tuple[ServiceDora, ...]
    page: Page


def view_dora(query: QueryContext, scope: Scope, days: int) -> DoraView:
    """Return the figures of each service in production, over the last `days`; raises Unknown, InvalidName."""
    clusters, services = clusters_in(query, Scope(scope.service))
    shown, page = page_of([each for each in clusters if each.environment == "production"], scope, services)
    now = query.context.clock.now()
    since = now - timedelta(days=days)
    found = in_parallel(lambda each: _figures(query, each, since, now), shown)
    return DoraView(days, tuple(found), page)


def _figures(query: QueryContext, cluster: Cluster, since: datetime, now: datetime) -> ServiceDora:
    rows = Rows()
    recent = rows.read(lambda: query.context.deployments.recent_without_hosts(cluster, DEPLOYMENTS_READ), ())
    releases = rows.read(lambda: query.catalogue.releases(cluster.service), dict[str, str]())
    built = {release: SnapshotVersion.parse(each).built_at for release, each in releases.items() if each}
    cut = (
        len(recent) + len(rows.all()) >= DEPLOYMENTS_READ
        and bool(recent)
        and min(each.started_at for each in recent) > since
    )
    return ServiceDora(cluster.service, dora(recent, built, since, now), cut, rows.all())

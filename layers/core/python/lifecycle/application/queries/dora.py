"""The view of the DORA figures of each service in production.

Drawn by functions/console/show_dora; reads only.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from lifecycle.application.queries.context import Console, in_parallel
from lifecycle.application.queries.scope import Page, Wanted, chosen, paged
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.monitoring.dora import Dora, dora
from lifecycle.domain.service.version import SnapshotVersion

# The newest deployments of a cluster that are looked at; a window with more of them says so.
REMEMBERED = 100


@dataclass(frozen=True, slots=True)
class Figures:
    """One service in production; `cut` says that the window holds more deployments than are remembered."""

    service: str
    dora: Dora
    cut: bool


@dataclass(frozen=True, slots=True)
class AllFigures:
    """The services of one page, over the same days."""

    days: int
    figures: tuple[Figures, ...]
    page: Page


def figures(console: Console, wanted: Wanted, days: int) -> AllFigures:
    """The DORA figures of production, a service each, over the last `days`; raises Unknown, InvalidName."""
    clusters, services = chosen(console, Wanted(wanted.service, "production", wanted.page))
    shown, page = paged(clusters, wanted, services)
    now = console.context.clock.now()
    since = now - timedelta(days=days)
    found = in_parallel(lambda each: _figures(console, each, since, now), shown)
    return AllFigures(days, tuple(found), page)


def _figures(console: Console, cluster: Cluster, since: datetime, now: datetime) -> Figures:
    recent = console.context.deployments.recent(cluster, REMEMBERED)
    built = {
        release: _built(snapshot) for release, snapshot in console.catalogue.releases(cluster.service).items()
    }
    cut = len(recent) == REMEMBERED and min(each.started_at for each in recent) > since
    return Figures(cluster.service, dora(recent, built, since, now), cut)


def _built(snapshot: str) -> datetime:
    """When a snapshot was built: its name says so."""
    return datetime.strptime(SnapshotVersion.parse(snapshot).built, "%Y%m%d%H%M%S").replace(tzinfo=UTC)

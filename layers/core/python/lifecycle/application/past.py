"""What happened lately, by whom and why; and the DORA figures of each service.

Drawn by functions/show_history and show_dora; reads only.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain

from lifecycle.application.console import Console, Page, Wanted, chosen, in_parallel, paged
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.monitoring.audit import TrailEntry
from lifecycle.domain.monitoring.dora import Dora, dora
from lifecycle.domain.rollout.deployment import Deployment
from lifecycle.domain.service.version import SnapshotVersion

SHOWN = 25
# The newest deployments of a cluster that are looked at; a window with more of them says so.
REMEMBERED = 100


@dataclass(frozen=True, slots=True)
class Past:
    """The newest deployments, the newest first; and the newest lines of the trail of what is looked at."""

    deployments: tuple[Deployment, ...]
    trail: tuple[TrailEntry, ...]
    page: Page


def past(console: Console, wanted: Wanted) -> Past:
    """A page of clusters, whose histories are told as one; those whose lease is held come first.

    Raises Unknown, InvalidName.
    """
    clusters, services = chosen(console, wanted)
    held = console.sights.held(clusters)
    ordered = sorted(clusters, key=lambda each: (not held[each].lease.deployment, each.service, each))
    shown, page = paged(ordered, wanted, services)
    world = console.world
    recent = in_parallel(lambda each: world.deployments.recent(each, SHOWN), shown)
    trails = in_parallel(lambda each: world.trail.read(each, limit=SHOWN), shown)
    deployments = sorted(
        chain.from_iterable(recent), key=lambda each: (each.started_at, each.id), reverse=True
    )
    entries = sorted(chain.from_iterable(trails), key=lambda each: each.at, reverse=True)
    return Past(tuple(deployments[:SHOWN]), tuple(entries[: 2 * SHOWN]), page)


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
    now = console.world.clock.now()
    since = now - timedelta(days=days)
    found = in_parallel(lambda each: _figures(console, each, since, now), shown)
    return AllFigures(days, tuple(found), page)


def _figures(console: Console, cluster: Cluster, since: datetime, now: datetime) -> Figures:
    recent = console.world.deployments.recent(cluster, REMEMBERED)
    built = {
        release: _built(snapshot) for release, snapshot in console.catalogue.releases(cluster.service).items()
    }
    cut = len(recent) == REMEMBERED and min(each.started_at for each in recent) > since
    return Figures(cluster.service, dora(recent, built, since, now), cut)


def _built(snapshot: str) -> datetime:
    """When a snapshot was built: its name says so."""
    return datetime.strptime(SnapshotVersion.parse(snapshot).built, "%Y%m%d%H%M%S").replace(tzinfo=UTC)

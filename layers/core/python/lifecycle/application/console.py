"""What the console looks at: many clusters at once, in few reads, none of which changes anything.

The base of the read models that functions/show_* draw: which clusters stand, which of them a widget is about, and
how each stands. A look mixes moments a few milliseconds apart; whoever presses a button is checked against the
records anew (application/press.py).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

from lifecycle.application.delivery_ports import Catalogue
from lifecycle.application.observe import remembered, verifies
from lifecycle.application.world import World
from lifecycle.domain.errors import Unknown
from lifecycle.domain.fleet.cluster import Cluster, service_name
from lifecycle.domain.rollout.decision import Question, open_questions
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState
from lifecycle.domain.rollout.lease import Lease
from lifecycle.domain.rollout.queue import Waiting
from lifecycle.domain.service.target import Target

# As many reads at once as a client keeps connections open for.
_AT_ONCE = 8
# What a widget shows in full; the others are a page further.
PAGE = 10

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Held:
    """Who has a cluster's lease, and who waits for it."""

    lease: Lease
    waiting: Waiting | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """One run of a push: the execution's name, `<repository>-<commit>`, and its state as Step Functions says it."""

    name: str
    status: str
    started_at: datetime
    stopped_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Catalogued:
    """What was built of a service: each snapshot with its facts, each release with its snapshot."""

    snapshots: Mapping[str, Mapping[str, str]]
    releases: Mapping[str, str]


class Sights(Protocol):
    """What the phases never ask: about many clusters at once, and about what is over."""

    def clusters(self, *, afresh: bool = False) -> Sequence[Cluster]:
        """Every cluster that stands; remembered for a minute, because the registry lists ten names a call."""
        ...

    def held(self, clusters: Sequence[Cluster]) -> Mapping[Cluster, Held]:
        """The lease and the queue of each, 50 clusters a read."""
        ...

    def catalogued(self, service: str) -> Catalogued:
        """Its snapshots and its releases, in one read."""
        ...

    def deliveries(self) -> Sequence[Delivery]:
        """The newest runs of pushes, the newest first."""
        ...


@dataclass(frozen=True, slots=True)
class Console:
    """The ports that the console reads."""

    world: World
    catalogue: Catalogue
    sights: Sights


@dataclass(frozen=True, slots=True)
class Wanted:
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


@dataclass(frozen=True, slots=True)
class ClusterSight:
    """One cluster: its newest deployments, the one that has its lease, and what that one waits for."""

    cluster: Cluster
    lease: Lease
    waiting: Waiting | None
    recent: tuple[Deployment, ...]
    running: Deployment | None
    asked: tuple[Question, ...]

    @property
    def verified(self) -> Target | None:
        """The version that was last seen on every host, among the newest deployments."""
        return next((each.target for each in self.recent if verifies(each)), None)

    @property
    def standing(self) -> str:
        """How it stands, in words; a button says what it was drawn from, and is refused when that has changed."""
        told = [
            f"{self.cluster} runs {self.verified.version if self.verified else 'nothing that was verified'}"
        ]
        told += [f"{self.lease.deployment} deploys there"] if self.lease.deployment else []
        told += [f"{self.waiting.request.deployment} waits"] if self.waiting else []
        return ", ".join(told)

    @property
    def unsettled(self) -> Deployment | None:
        """What ended last, if it did not end well: the cluster may be left between two versions."""
        if self.running is not None or self.lease.deployment:
            return None
        began = (each for each in self.recent if each.epoch > 0 and each.state.final)
        last = next(began, None)
        return last if last and last.state is not DeploymentState.DONE else None


def chosen(console: Console, wanted: Wanted) -> tuple[list[Cluster], tuple[str, ...]]:
    """The clusters that a widget is about, and every service; raises Unknown, InvalidName for what is not there."""
    every = list(console.sights.clusters())
    if wanted.service and not any(each.service == service_name(wanted.service) for each in every):
        every = list(console.sights.clusters(afresh=True))
    services = tuple(sorted({each.service for each in every}))
    if wanted.environment:
        Cluster(wanted.environment, "any")  # raises InvalidName for another environment
    found = [each for each in every if wanted.covers(each)]
    if not found and (wanted.service or wanted.environment):
        asked = " in ".join(filter(None, (wanted.service, wanted.environment)))
        known = ", ".join(map(str, every)) or "none"
        raise Unknown("cluster", f"of {asked}", f"known: {known}; a cluster is known when its stack stands")
    return found, services


def look(
    console: Console, clusters: Sequence[Cluster], held: Mapping[Cluster, Held], recent: int
) -> tuple[ClusterSight, ...]:
    """How each of these stands, with its newest deployments."""
    return tuple(in_parallel(lambda each: _sight(console, each, held[each], recent), clusters))


def _sight(console: Console, cluster: Cluster, held: Held, recent: int) -> ClusterSight:
    deployments = console.world.deployments
    newest = tuple(deployments.recent(cluster, recent))
    if len(newest) >= recent and not any(map(verifies, newest)):
        # Repairs, and what was queued, refused or failed, may have pushed it off the short page.
        newest = tuple(remembered(console.world, cluster))
    holder = held.lease.deployment
    running = next((each for each in newest if each.id == holder), None)
    if holder and running is None:
        running = deployments.get(cluster, holder)
    asked = deployments.questions(holder) if running else ()
    return ClusterSight(
        cluster, held.lease, held.waiting, newest, running, tuple(open_questions(running, asked))
    )


def paged(found: Sequence[K], wanted: Wanted, services: tuple[str, ...]) -> tuple[Sequence[K], Page]:
    """One page of what was found; a page beyond the last is the last."""
    pages = max(1, -(-len(found) // PAGE))
    number = min(max(wanted.page, 1), pages)
    return found[(number - 1) * PAGE : number * PAGE], Page(number, pages, services)


def in_parallel(read: Callable[[K], V], of: Iterable[K]) -> list[V]:
    """Read about each of these, several at a time; the order is kept, and the first error is raised."""
    every = list(of)
    if len(every) < 2:
        return [read(each) for each in every]
    with ThreadPoolExecutor(min(_AT_ONCE, len(every))) as threads:
        return list(threads.map(read, every))

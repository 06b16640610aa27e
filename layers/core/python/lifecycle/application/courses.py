"""The course of one deployment: its hosts, its tries on each, what it asked and what it was told, and its trail.

Drawn by functions/show_deployment and show_test_bed; reads only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from lifecycle.application import observe
from lifecycle.application.console import PAGE, ClusterSight, Console, Page, Wanted, chosen, in_parallel, look
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.monitoring.audit import TrailEntry
from lifecycle.domain.rollout.attempt import HostAttempt
from lifecycle.domain.rollout.decision import Question, open_questions
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState, cluster_of
from lifecycle.domain.rollout.test_bed.model import BedState, TestBed

# A deployment of 40 hosts writes some 400 lines; the newest are shown.
TRAIL = 500
_RECENT = 10
_OTHERS = 6
# A test bed is looked for among so many of a cluster's newest deployments.
_BEDS_AMONG = 5


@dataclass(frozen=True, slots=True)
class Course:
    """One deployment as far as it got.

    `leads` says whether it has the cluster's lease, `stands` that it is the newest to have begun, that it
    ended well or was aborted, and that nothing runs there: what a rollback would undo.
    """

    deployment: Deployment
    leads: bool
    stands: bool
    attempts: tuple[HostAttempt, ...]
    questions: tuple[Question, ...]
    trail: tuple[TrailEntry, ...]

    @property
    def asked(self) -> list[Question]:
        """What it waits for."""
        return open_questions(self.deployment, self.questions)

    def began(self) -> datetime:
        """When its first host was tried, or when it was asked for."""
        return min((each.started_at for each in self.attempts), default=self.deployment.started_at)


@dataclass(frozen=True, slots=True)
class Courses:
    """The deployment that is looked at, if there is one; `others` to choose from; `chosen` if it was named."""

    course: Course | None
    others: tuple[Deployment, ...]
    chosen: bool
    page: Page


def courses(console: Console, wanted: Wanted, deployment: str = "") -> Courses:
    """The one that was named, else one that runs, else the newest; raises Unknown, InvalidName.

    One that was named before another service was chosen is let be.
    """
    found = None
    if deployment and wanted.covers(cluster := cluster_of(deployment)):
        found = observe.deployment(console.world, cluster, deployment)
        wanted = Wanted(cluster.service, cluster.environment)
    clusters, services = chosen(console, wanted)
    ordered = _latest(_sights(console, clusters, _RECENT))
    shown = found or next(iter(ordered), None)
    others = tuple(each for each in ordered if shown and each.id != shown.id)
    course = _course(console, shown) if shown else None
    return Courses(course, others[:_OTHERS], found is not None, Page(1, 1, services))


def _sights(console: Console, clusters: Sequence[Cluster], recent: int) -> tuple[ClusterSight, ...]:
    """Those whose lease is held, or, where nothing runs, the first of the clusters that are asked about."""
    held = console.sights.held(clusters)
    busy = [each for each in clusters if held[each].lease.deployment]
    shown = (busy or list(clusters))[: 2 * PAGE]
    return look(console, shown, held, recent if len(shown) <= 2 else 1)


def _latest(sights: Sequence[ClusterSight]) -> list[Deployment]:
    """What runs, the newest first; then what has begun and ended, the newest first."""
    every = {each.id: each for sight in sights for each in (sight.running, *sight.recent) if each}
    running = {sight.running.id for sight in sights if sight.running}
    begun = [each for each in every.values() if each.epoch > 0 or each.id in running]
    return sorted(begun, key=lambda each: (each.id in running, each.started_at, each.id), reverse=True)


def _course(console: Console, deployment: Deployment) -> Course:
    world = console.world
    attempts, questions = world.deployments.told(deployment.id)
    trail = world.trail.read(deployment.cluster, deployment.started_at, TRAIL)
    holder = world.leases.current(deployment.cluster).deployment
    return Course(
        deployment=deployment,
        leads=holder == deployment.id,
        stands=not holder and _newest_begun(console, deployment.cluster) == deployment.id,
        attempts=tuple(attempts),
        questions=tuple(questions),
        trail=tuple(each for each in trail if each.deployment == deployment.id),
    )


def _newest_begun(console: Console, cluster: Cluster) -> str:
    begun = (each for each in console.world.deployments.recent(cluster, _RECENT) if each.epoch > 0)
    newest = next((each for each in begun if not each.request.only), None)
    undone = (DeploymentState.DONE, DeploymentState.ABORTED)
    return newest.id if newest and newest.state in undone else ""


@dataclass(frozen=True, slots=True)
class BedSight:
    """A test bed, and the deployment that it belongs to."""

    bed: TestBed
    deployment: Deployment


@dataclass(frozen=True, slots=True)
class Beds:
    """The test beds that bake, or else the newest of each cluster that had one lately."""

    beds: tuple[BedSight, ...]
    page: Page


def beds(console: Console, wanted: Wanted) -> Beds:
    """Raises Unknown, InvalidName."""
    clusters, services = chosen(console, wanted)
    sights = _sights(console, clusters, _BEDS_AMONG)
    asked_for = [each for each in _latest(sights) if each.policy.bake_minutes > 0]
    deployments = asked_for[: 2 * _BEDS_AMONG]
    found = in_parallel(lambda each: _newest_bed(console, each), deployments)
    shown = [each for each in found if each]
    baking = [each for each in shown if each.bed.state is BedState.BAKING]
    newest: dict[Cluster, BedSight] = {}
    for each in baking or shown:
        newest.setdefault(each.deployment.cluster, each)
    return Beds(tuple(newest.values())[:4], Page(1, 1, services))


def _newest_bed(console: Console, deployment: Deployment) -> BedSight | None:
    found = console.world.deployments.beds(deployment.id)
    return BedSight(found[-1], deployment) if found else None

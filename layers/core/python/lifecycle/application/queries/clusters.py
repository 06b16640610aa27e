"""What the console looks at: many clusters at once, in few reads, none of which changes anything.

The base of the read models that functions/console/show_* draw: which clusters stand, which of them a widget is about, and
how each stands. A look mixes moments a few milliseconds apart; whoever presses a button is checked against the
records anew (application/console_actions.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

from lifecycle.application.ports.cluster_queries import Held
from lifecycle.application.queries.context import Console, in_parallel
from lifecycle.application.queries.scope import PAGE
from lifecycle.application.rollout.observe import remembered, verifies
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.decision import Question, open_questions
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState
from lifecycle.domain.rollout.lease import Lease
from lifecycle.domain.rollout.queue import PendingDeployment
from lifecycle.domain.service.target import Target


@dataclass(frozen=True, slots=True)
class ClusterState:
    """The verified version, and the deployments that hold the lease and wait for it; empty where there is none.

    A deploy button carries its token, and is refused when the cluster has another state by then.
    """

    verified: str
    lease_holder: str
    queued: str

    @property
    def token(self) -> str:
        return f"{self.verified}|{self.lease_holder}|{self.queued}"

    @classmethod
    def parse(cls, token: str) -> "ClusterState | None":
        """Return the state that a token was made of; None for any other text."""
        parts = token.split("|")
        return cls(*parts) if len(parts) == len(fields(cls)) else None

    def in_words(self, cluster: Cluster) -> str:
        """Return a sentence such as "production/hello runs 1.0.0, hello-…-ab12 waits"."""
        told = [f"{cluster} runs {self.verified or 'nothing that was verified'}"]
        told += [f"{self.lease_holder} deploys there"] if self.lease_holder else []
        told += [f"{self.queued} waits"] if self.queued else []
        return ", ".join(told)


@dataclass(frozen=True, slots=True)
class ClusterSight:
    """One cluster: its newest deployments, the one that has its lease, and what that one waits for."""

    cluster: Cluster
    lease: Lease
    waiting: PendingDeployment | None
    recent: tuple[Deployment, ...]
    running: Deployment | None
    asked: tuple[Question, ...]

    @property
    def verified(self) -> Target | None:
        """The version that was last seen on every host, among the newest deployments."""
        return next((each.target for each in self.recent if verifies(each)), None)

    @property
    def state(self) -> ClusterState:
        """The facts that a deploy button is drawn from."""
        return ClusterState(
            verified=self.verified.version if self.verified else "",
            lease_holder=self.lease.deployment,
            queued=self.waiting.request.deployment if self.waiting else "",
        )

    @property
    def unsettled(self) -> Deployment | None:
        """What ended last, if it did not end well: the cluster may be left between two versions."""
        if self.running is not None or self.lease.deployment:
            return None
        began = (each for each in self.recent if each.epoch > 0 and each.state.final)
        last = next(began, None)
        return last if last and last.state is not DeploymentState.DONE else None


def look(
    console: Console, clusters: Sequence[Cluster], held: Mapping[Cluster, Held], recent: int
) -> tuple[ClusterSight, ...]:
    """How each of these stands, with its newest deployments."""
    return tuple(in_parallel(lambda each: _sight(console, each, held[each], recent), clusters))


def _sight(console: Console, cluster: Cluster, held: Held, recent: int) -> ClusterSight:
    deployments = console.context.deployments
    newest = tuple(deployments.recent(cluster, recent))
    if len(newest) >= recent and not any(map(verifies, newest)):
        # Repairs, and what was queued, refused or failed, may have pushed it off the short page.
        newest = tuple(remembered(console.context, cluster))
    holder = held.lease.deployment
    running = next((each for each in newest if each.id == holder), None)
    if holder and running is None:
        running = deployments.get(cluster, holder)
    asked = deployments.questions(holder) if running else ()
    return ClusterSight(
        cluster, held.lease, held.waiting, newest, running, tuple(open_questions(running, asked))
    )


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

"""Following a deployment until it ends or halts: look, show, sleep; the records are the truth, not the execution.

Used by watch, deploy and rollback. It never hangs: every look either finds progress possible or ends with why not.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from apps.cli.ports import Connection, Run
from apps.cli.resolve import open_question
from lifecycle.domain.deployment import Deployment, DeploymentState, HostAttempt, Question, TrailEntry
from lifecycle.domain.errors import Unknown
from lifecycle.domain.fleet import Cluster

_TRAIL_PAGE = 200
# A finished deployment's lease is freed, and its execution ended, within moments; then the next may start.
_SETTLING_LOOKS = 20


@dataclass(frozen=True, slots=True)
class Sight:
    """One look at a deployment. `run` is the execution that carries it, `news` the trail since the last look."""

    name: str
    cluster: Cluster
    run: Run | None
    deployment: Deployment | None
    attempts: tuple[HostAttempt, ...] = ()
    questions: tuple[Question, ...] = ()
    digests: Mapping[str, str] = field(default_factory=dict)
    news: tuple[TrailEntry, ...] = ()
    lease_held: bool = False

    @property
    def question(self) -> Question | None:
        return open_question(self.questions)


@dataclass(frozen=True, slots=True)
class Ending:
    """Why watching ended: a state, its reason, the exit code, and the rollback that follows, if one does."""

    state: str
    reason: str
    code: int
    heir: str = ""
    deployment: Deployment | None = None
    question: Question | None = None


class Screen(Protocol):
    """Where a watched deployment is shown."""

    def show(self, sight: Sight) -> None: ...


@dataclass
class Eyes:
    """What a watcher remembers between two looks: which execution carries the deployment, what was told."""

    here: Connection
    cluster: Cluster
    name: str

    def __post_init__(self) -> None:
        self._carriers = [self.name]
        self._told: set[TrailEntry] = set()

    def look(self) -> Sight:
        """Read everything once. The execution first: a record read after its end is the last word."""
        world = self.here.world
        run = self.here.runs.rollout(self._carriers[-1])
        deployment = world.deployments.get(self.cluster, self.name)
        if (run is None or not run.running) and (carrier := self._next_carrier(run, deployment)):
            self._carriers.append(carrier)
            return self.look()
        reports = world.fleet.reports(self.cluster)
        return Sight(
            name=self.name,
            cluster=self.cluster,
            run=run,
            deployment=deployment,
            attempts=tuple(world.deployments.attempts(self.name)),
            questions=tuple(world.deployments.questions(self.name)),
            digests={host: report.digest for host, report in reports.items()},
            news=self._news(),
            lease_held=world.leases.current(self.cluster).deployment == self.name,
        )

    def _next_carrier(self, run: Run | None, deployment: Deployment | None) -> str:
        """The execution that goes on: a long rollout has several, and convergence may start another."""
        known = [str(run.output.get("execution", ""))] if run else []
        known += [deployment.execution] if deployment else []
        return next((name for name in known if name and name not in self._carriers), "")

    def _news(self) -> tuple[TrailEntry, ...]:
        entries = self.here.world.trail.read(self.cluster, limit=_TRAIL_PAGE)
        new = [entry for entry in entries if entry.deployment == self.name and entry not in self._told]
        self._told.update(new)
        return tuple(new)


def follow(here: Connection, cluster: Cluster, name: str, screen: Screen) -> Ending:
    """Show a deployment until it ends or halts; raises Unknown when there is neither a record nor a run of it."""
    eyes, settling = Eyes(here, cluster, name), 0
    while True:
        sight = eyes.look()
        screen.show(sight)
        found = ending(sight, here)
        if found and (settled(sight) or settling >= _SETTLING_LOOKS):
            return found
        settling += found is not None
        here.world.clock.sleep(here.poll_seconds)


def settled(sight: Sight) -> bool:
    """Whether nothing of an ended deployment is still on its way: its lease freed, its execution ended."""
    final = sight.deployment is not None and sight.deployment.state.final
    return not final or not (sight.lease_held or (sight.run and sight.run.running))


def ending(sight: Sight, here: Connection) -> Ending | None:
    """Whether there is nothing more to wait for, and why; None while it goes on."""
    deployment, run = sight.deployment, sight.run
    if deployment is None:
        return _unplanned(sight, here)
    if deployment.state.final:
        code = 0 if deployment.state is DeploymentState.DONE else 1
        heir = _heir(here, sight) if deployment.state is DeploymentState.ROLLED_BACK else ""
        return Ending(deployment.state, deployment.reason, code, heir, deployment)
    question = sight.question
    if deployment.state is DeploymentState.HALTED and question and question.host:
        return Ending("HALTED", deployment.reason, 1, "", deployment, question)
    if run is None or not run.running:
        return Ending("LOST", _lost(sight, here), 1, "", deployment)
    return None


def _unplanned(sight: Sight, here: Connection) -> Ending | None:
    """Without a record the execution is all there is: it plans, it was refused, or it broke."""
    run = sight.run
    if run is None:
        see = here.command(f"history {sight.cluster.service}")
        raise Unknown(
            "deployment", sight.name, f"there is neither a record nor an execution of it; see: {see}"
        )
    if run.running:
        return None
    if run.status == "SUCCEEDED":
        return Ending("NOTHING_TO_DO", str(run.output.get("reason", "every host serves it already")), 0)
    if run.error == "Refused":
        return Ending("REFUSED", run.cause, 1)
    return Ending(run.status, f"the execution {run.name} ended before it had planned: {_why(run)}", 1)


def _why(run: Run) -> str:
    return ": ".join(filter(None, (run.error, run.cause))) or run.status


def _lost(sight: Sight, here: Connection) -> str:
    again = here.command(f"converge {sight.cluster.service}")
    name = sight.deployment.execution if sight.deployment else sight.name
    if sight.run is None:
        return f"there is no execution {name} any more; start it again where it stopped: {again}"
    return (
        f"the execution {sight.run.name} ended before its deployment did ({_why(sight.run)}); go on: {again}"
    )


def _heir(here: Connection, sight: Sight) -> str:
    """The rollback that follows: as the execution tells, else as the records do."""
    if sight.run and (told := str(sight.run.output.get("rollback", ""))):
        return told
    recent = here.world.deployments.recent(sight.cluster, 20)
    return next((each.id for each in recent if each.request.rollback_of == sight.name), "")

"""One look at a deployment: its records, the execution that carries it, and what it waits behind.

Used by follow.py, which looks again and again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from apps.cli.ports import Connection, Run
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.monitoring.audit import AuditEntry
from lifecycle.domain.rollout.attempt import HostAttempt
from lifecycle.domain.rollout.decision import Question, QuestionKind, open_questions
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState
from lifecycle.domain.rollout.execution import next_execution
from lifecycle.domain.rollout.lease import Lease

_TRAIL_PAGE = 200


@dataclass(frozen=True, slots=True)
class Sight:
    """One look. `run` is the execution that carries it, `news` the trail since the last look.

    `digests` are what hosts report to run, by host; `quarantined` hosts are in no deployment; `before` is the
    deployment that a queued one waits for.
    """

    name: str
    cluster: Cluster
    run: Run | None
    deployment: Deployment | None
    attempts: tuple[HostAttempt, ...] = ()
    questions: tuple[Question, ...] = ()
    digests: Mapping[str, str] = field(default_factory=dict)
    quarantined: frozenset[str] = frozenset()
    news: tuple[AuditEntry, ...] = ()
    lease: Lease = field(default_factory=Lease)
    before: Deployment | None = None

    @property
    def open(self) -> list[Question]:
        """What it waits for, the most pressing first."""
        return open_questions(self.deployment, self.questions)

    @property
    def decision(self) -> Question | None:
        """The failed host that it asks about."""
        return next((question for question in self.open if question.kind is QuestionKind.DECISION), None)

    @property
    def queued(self) -> bool:
        return self.deployment is not None and self.deployment.state is DeploymentState.QUEUED

    @property
    def lease_held(self) -> bool:
        return self.lease.deployment == self.name


@dataclass
class Eyes:
    """What a watcher remembers between two looks: which execution carries the deployment, what was told."""

    here: Connection
    cluster: Cluster
    name: str

    def __post_init__(self) -> None:
        self._carriers = [self.name]
        self._told: set[AuditEntry] = set()

    def look(self) -> Sight:
        """Read everything once. The execution first: a record read after its end is the last word."""
        context = self.here.context
        run = self.here.runs.rollout(self._carriers[-1])
        deployment = context.deployments.get(self.cluster, self.name)
        if (run is None or not run.running) and (carrier := self._next_carrier(run, deployment)):
            self._carriers.append(carrier)
            return self.look()
        lease = context.leases.current(self.cluster)
        queued = deployment if deployment and deployment.state is DeploymentState.QUEUED else None
        return Sight(
            name=self.name,
            cluster=self.cluster,
            run=self._beginning(queued) or run if queued else run,
            deployment=deployment,
            attempts=tuple(context.deployments.attempts(self.name)),
            questions=tuple(context.deployments.questions(self.name)),
            digests={host: each.digest for host, each in context.fleet.reports(self.cluster).items()},
            quarantined=frozenset(context.fleet.quarantined_hosts(self.cluster)),
            news=self._news(),
            lease=lease,
            before=self._before(lease) if queued else None,
        )

    def _beginning(self, queued: Deployment) -> Run | None:
        """The execution in which a queued deployment begins; its record names it only when it has begun."""
        return self.here.runs.rollout(next_execution(queued.execution))

    def _before(self, lease: Lease) -> Deployment | None:
        if lease.deployment in ("", self.name):
            return None
        return self.here.context.deployments.get(self.cluster, lease.deployment)

    def _next_carrier(self, run: Run | None, deployment: Deployment | None) -> str:
        """The execution that goes on: a long rollout has several, and convergence may start another."""
        known = [str(run.output.get("execution", ""))] if run else []
        known += [deployment.execution] if deployment else []
        return next((name for name in known if name and name not in self._carriers), "")

    def _news(self) -> tuple[AuditEntry, ...]:
        entries = self.here.context.audit_log.read(self.cluster, limit=_TRAIL_PAGE)
        new = [entry for entry in entries if entry.deployment == self.name and entry not in self._told]
        self._told.update(new)
        return tuple(new)

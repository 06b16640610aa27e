"""A watched deployment, polled: its records, the execution that carries it, and what it waits for.

Used by follow.py, which polls until the deployment ends, and by `lifecycle pause`.
"""

from dataclasses import dataclass, field
from functools import partial

from apps.cli.ports import Connection, Run
from lifecycle.application.queries.host_status import HostProgress, view_host_progress
from lifecycle.application.readable import readable
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.monitoring.audit import AuditEntry
from lifecycle.domain.rollout.decision import Question, QuestionKind, open_questions
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState
from lifecycle.domain.rollout.execution import next_execution
from lifecycle.domain.rollout.lease import Lease

_TRAIL_PAGE = 200


@dataclass(frozen=True, slots=True)
class WatchedDeployment:
    """One poll. `run` is the execution that carries the deployment, `news` the trail since the last poll.

    `hosts` is empty before the deployment is planned. `before` is the deployment that a queued one waits for.
    """

    name: str
    cluster: Cluster
    run: Run | None
    deployment: Deployment | None
    hosts: tuple[HostProgress, ...] = ()
    questions: tuple[Question, ...] = ()
    news: tuple[AuditEntry, ...] = ()
    lease: Lease = field(default_factory=Lease)
    before: Deployment | None = None

    @property
    def open(self) -> list[Question]:
        """The pending decisions and approvals, the most pressing first."""
        return open_questions(self.deployment, self.questions)

    @property
    def decision(self) -> Question | None:
        """The pending decision on a failed host."""
        return next((question for question in self.open if question.kind is QuestionKind.DECISION), None)

    @property
    def queued(self) -> bool:
        return self.deployment is not None and self.deployment.state is DeploymentState.QUEUED

    @property
    def lease_held(self) -> bool:
        return self.lease.deployment == self.name


@dataclass
class Poller:
    """The memory of a watcher between two polls: the executions so far, and the audit entries shown."""

    connection: Connection
    cluster: Cluster
    name: str

    def __post_init__(self) -> None:
        self._executions = [self.name]
        self._shown: set[AuditEntry] = set()

    def poll(self) -> WatchedDeployment:
        """Read everything once, the execution first: a record read after its end is final."""
        context = self.connection.context
        run = self.connection.runs.rollout(self._executions[-1])
        deployment = context.deployments.get(self.cluster, self.name)
        if (run is None or not run.running) and (following := self._next_execution(run, deployment)):
            self._executions.append(following)
            return self.poll()
        lease = context.leases.current(self.cluster)
        queued = deployment if deployment and deployment.state is DeploymentState.QUEUED else None
        read = partial(context.deployments.attempts_and_questions, self.name)
        (attempts, questions), _ = readable(read, ((), ()))
        hosts = view_host_progress(context, deployment, attempts, questions) if deployment else ()
        return WatchedDeployment(
            name=self.name,
            cluster=self.cluster,
            run=self._beginning(queued) or run if queued else run,
            deployment=deployment,
            hosts=hosts,
            questions=tuple(questions),
            news=self._news(),
            lease=lease,
            before=self._before(lease) if queued else None,
        )

    def _beginning(self, queued: Deployment) -> Run | None:
        """Return the execution in which a queued deployment begins; its record names it only afterwards."""
        return self.connection.runs.rollout(next_execution(queued.execution))

    def _before(self, lease: Lease) -> Deployment | None:
        if lease.deployment in ("", self.name):
            return None
        return readable(lambda: self.connection.context.deployments.get(self.cluster, lease.deployment), None)[0]

    def _next_execution(self, run: Run | None, deployment: Deployment | None) -> str:
        """Return the execution that goes on: a long rollout has several, and convergence may start another."""
        known = [str(run.output.get("execution", ""))] if run else []
        known += [deployment.execution] if deployment else []
        return next((name for name in known if name and name not in self._executions), "")

    def _news(self) -> tuple[AuditEntry, ...]:
        entries, _ = readable(lambda: self.connection.context.audit_log.read(self.cluster, limit=_TRAIL_PAGE), ())
        new = [entry for entry in entries if entry.deployment == self.name and entry not in self._shown]
        self._shown.update(new)
        return tuple(new)

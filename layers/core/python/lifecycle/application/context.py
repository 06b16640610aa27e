"""The context of every phase: the ports that it may use, and its timing.

Made by entrypoints/bootstrap.py, and by tests from in-memory fakes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from lifecycle.application.ports.artifacts import Artifacts
from lifecycle.application.ports.audit import AuditLog
from lifecycle.application.ports.catalogue import Catalogue
from lifecycle.application.ports.clock import Clock
from lifecycle.application.ports.configurations import ConfigRevisions
from lifecycle.application.ports.cursors import Cursors
from lifecycle.application.ports.deployments import Deployments
from lifecycle.application.ports.dispatcher import Dispatcher
from lifecycle.application.ports.executions import Executions
from lifecycle.application.ports.fleet import Fleet
from lifecycle.application.ports.freezes import Freezes
from lifecycle.application.ports.leases import Leases
from lifecycle.application.ports.machines import Machines, NoMachines
from lifecycle.application.ports.queue import Queue
from lifecycle.application.ports.registry import Registry
from lifecycle.application.ports.requests import Requests
from lifecycle.application.ports.scheduled_runs import ScheduledRuns
from lifecycle.application.ports.step_reads import StepReads
from lifecycle.domain.fleet.cluster import Cluster, clusters_of_scope
from lifecycle.domain.monitoring.audit import AuditEntry
from lifecycle.domain.rollout.deployment import Request

# Below it, reading all attempts and reports takes fewer calls than a checkpoint does.
CHECKPOINT_FROM = 40


@dataclass(frozen=True, slots=True)
class Context:
    """The ports of a rollout.

    `poll_seconds` is the time between two polls of a stage. After `heartbeat_timeout` without a report, a
    host is unreachable. `minute` is the length of a minute in a policy's `watch_minutes` or `bake_minutes`.
    `settles`: a load balancer may send requests for a while after a deregistration, as an ALB does.
    A rollout of at least `checkpoint_from` hosts uses checkpoints (domain/rollout/checkpoint.py).
    """

    clock: Clock
    leases: Leases
    deployments: Deployments
    step_reads: StepReads
    audit_log: AuditLog
    fleet: Fleet
    registry: Registry
    dispatcher: Dispatcher
    artifacts: Artifacts
    executions: Executions
    freezes: Freezes
    queue: Queue
    configurations: ConfigRevisions
    scheduled_runs: ScheduledRuns
    catalogue: Catalogue
    requests: Requests
    cursors: Cursors
    machines: Machines = field(default_factory=NoMachines)
    poll_seconds: float = 2.0
    heartbeat_timeout: timedelta = timedelta(seconds=30)
    minute: timedelta = timedelta(seconds=60)
    checkpoint_from: int = CHECKPOINT_FROM
    settles: bool = True

    def record(
        self, cluster: Cluster, what: str, who: str, why: str = "", *, deployment: str = "", host: str = ""
    ) -> None:
        """Write an audit entry; call it before the effect that the entry describes."""
        self.audit_log.append(AuditEntry(self.clock.now(), str(cluster), what, who, why, deployment, host))

    def record_in_scope(self, scope: str, covered: Sequence[Cluster], what: str, who: str, why: str) -> None:
        """Write an audit entry in each cluster that a scope covers; without any, in those that are nearest to it."""
        for cluster in covered or clusters_of_scope(scope, self.registry.clusters()):
            self.record(cluster, what, who, why)

    def record_action(self, cluster: Cluster, deployment: str, what: str, why: str = "", host: str = "") -> None:
        """Write an audit entry about something that a deployment does by itself."""
        self.record(cluster, what, "lifecycle", why, deployment=deployment, host=host)

    def record_request(self, request: Request, what: str, why: str) -> None:
        """Write an audit entry about a deployment, in the name of the one who requested it."""
        self.record(request.cluster, what, request.requested_by, why, deployment=request.deployment)

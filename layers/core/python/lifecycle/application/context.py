"""Everything that a rollout's phases use, in one record; made by entrypoints/bootstrap.py, or by a test from twins."""

from dataclasses import dataclass
from datetime import timedelta

from lifecycle.application.ports.artifacts import Artifacts
from lifecycle.application.ports.audit import AuditLog
from lifecycle.application.ports.clock import Clock
from lifecycle.application.ports.deployments import Deployments
from lifecycle.application.ports.dispatcher import Dispatcher
from lifecycle.application.ports.executions import Executions
from lifecycle.application.ports.fleet import Fleet
from lifecycle.application.ports.freezes import Freezes
from lifecycle.application.ports.leases import Leases
from lifecycle.application.ports.queue import Queue
from lifecycle.application.ports.registry import Registry
from lifecycle.application.ports.step_reads import StepReads
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.monitoring.audit import AuditEntry


@dataclass(frozen=True, slots=True)
class Context:
    """The rollout's ports. `poll_seconds` is how often a stage looks, `patience` how long an agent may be silent.

    `minute` is how long a minute of a policy's `watch_minutes` or `bake_minutes` lasts.
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
    poll_seconds: float = 2.0
    heartbeat_timeout: timedelta = timedelta(seconds=30)
    minute: timedelta = timedelta(seconds=60)

    def record(
        self, cluster: Cluster, what: str, who: str, why: str = "", *, deployment: str = "", host: str = ""
    ) -> None:
        """Write a line of the trail; called before the effect that it tells of."""
        self.audit_log.append(AuditEntry(self.clock.now(), str(cluster), what, who, why, deployment, host))

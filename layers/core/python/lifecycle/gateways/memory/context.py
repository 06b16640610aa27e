"""All ports in memory, for tests and the simulation."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from lifecycle.application.context import Context
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.gateways.memory.artifacts import MemoryArtifacts
from lifecycle.gateways.memory.audit import MemoryAuditLog
from lifecycle.gateways.memory.catalogue import MemoryCatalogue
from lifecycle.gateways.memory.clock import ManualClock
from lifecycle.gateways.memory.cluster_queries import MemoryClusterQueries
from lifecycle.gateways.memory.deployments import MemoryDeployments
from lifecycle.gateways.memory.dispatcher import MemoryDispatcher
from lifecycle.gateways.memory.executions import MemoryExecutions
from lifecycle.gateways.memory.fleet import MemoryFleet
from lifecycle.gateways.memory.freezes import MemoryFreezes
from lifecycle.gateways.memory.leases import MemoryLeases
from lifecycle.gateways.memory.queue import MemoryQueue
from lifecycle.gateways.memory.registry import MemoryRegistry
from lifecycle.gateways.memory.step_reads import MemoryStepReads


@dataclass
class MemoryContext:
    """The twins, each with its own type, and a `context` over them. `clusters` has health-check paths."""

    clusters: Mapping[Cluster, str]
    clock: ManualClock = field(default_factory=ManualClock)
    leases: MemoryLeases = field(default_factory=MemoryLeases)
    deployments: MemoryDeployments = field(default_factory=MemoryDeployments)
    audit_log: MemoryAuditLog = field(default_factory=MemoryAuditLog)
    fleet: MemoryFleet = field(default_factory=MemoryFleet)
    artifacts: MemoryArtifacts = field(default_factory=MemoryArtifacts)
    catalogue: MemoryCatalogue = field(default_factory=MemoryCatalogue)
    executions: MemoryExecutions = field(default_factory=MemoryExecutions)
    freezes: MemoryFreezes = field(default_factory=MemoryFreezes)
    queue: MemoryQueue = field(default_factory=MemoryQueue)

    def __post_init__(self) -> None:
        self.registry = MemoryRegistry(tuple(self.clusters))
        self.dispatcher = MemoryDispatcher(self.clusters)
        self.cluster_queries = MemoryClusterQueries(self.leases, self.queue, self.registry, self.catalogue)
        self.step_reads = MemoryStepReads(self.leases, self.deployments, self.fleet)
        self.context = Context(
            clock=self.clock,
            leases=self.leases,
            deployments=self.deployments,
            step_reads=self.step_reads,
            audit_log=self.audit_log,
            fleet=self.fleet,
            registry=self.registry,
            dispatcher=self.dispatcher,
            artifacts=self.artifacts,
            executions=self.executions,
            freezes=self.freezes,
            queue=self.queue,
            poll_seconds=0.5,
            heartbeat_timeout=timedelta(seconds=30),
        )

"""All ports in memory, for tests and the simulation."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from lifecycle.application.context import Context
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.service.manifest import Manifest
from lifecycle.gateways.cluster_dispatcher import ClusterDispatcher
from lifecycle.gateways.ledger_dispatcher import LedgerDispatcher
from tests.fakes.artifacts import MemoryArtifacts
from tests.fakes.audit import MemoryAuditLog
from tests.fakes.catalogue import MemoryCatalogue
from tests.fakes.clock import ManualClock
from tests.fakes.cluster_queries import MemoryClusterQueries
from tests.fakes.configurations import MemoryConfigRevisions, MemoryConfigStore
from tests.fakes.cursors import MemoryCursors
from tests.fakes.deployments import MemoryDeployments
from tests.fakes.dispatcher import MemoryDispatcher
from tests.fakes.executions import MemoryExecutions
from tests.fakes.fleet import MemoryFleet
from tests.fakes.freezes import MemoryFreezes
from tests.fakes.leases import MemoryLeases
from tests.fakes.machines import MemoryMachines
from tests.fakes.members import MemoryMembers
from tests.fakes.publishing import publish
from tests.fakes.queue import MemoryQueue
from tests.fakes.registry import MemoryRegistry
from tests.fakes.requests import MemoryRequests
from tests.fakes.scheduled_runs import MemoryScheduledRuns
from tests.fakes.step_reads import MemoryStepReads

HEARTBEAT_TIMEOUT = timedelta(seconds=30)


@dataclass
class MemoryContext:
    """The fakes, each with its own type, and a `context` over them. `clusters` has health-check paths.

    The clusters in `without` have no load balancer.
    """

    clusters: Mapping[Cluster, str]
    without: Collection[Cluster] = ()
    members: MemoryMembers = field(default_factory=MemoryMembers)
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
    scheduled_runs: MemoryScheduledRuns = field(default_factory=MemoryScheduledRuns)
    requests: MemoryRequests = field(default_factory=MemoryRequests)
    cursors: MemoryCursors = field(default_factory=MemoryCursors)
    machines: MemoryMachines = field(default_factory=MemoryMachines)
    config_store: MemoryConfigStore = field(default_factory=MemoryConfigStore)

    def publish(self, manifest: Manifest, body: bytes) -> None:
        """Publish a version, and record its digests as its build or its promotion does."""
        publish(self.artifacts, self.catalogue, manifest, body)

    def __post_init__(self) -> None:
        self.registry = MemoryRegistry((*self.clusters, *self.without))
        self.dispatcher = MemoryDispatcher(self.clusters)
        self.dispatcher.without |= set(self.without)
        ledger = LedgerDispatcher(self.members, self.fleet, self.clock, HEARTBEAT_TIMEOUT)
        self.cluster_queries = MemoryClusterQueries(self.leases, self.queue, self.registry, self.catalogue)
        self.configurations = MemoryConfigRevisions(self.config_store)
        self.step_reads = MemoryStepReads(self.leases, self.deployments, self.fleet)
        self.context = Context(
            clock=self.clock,
            leases=self.leases,
            deployments=self.deployments,
            step_reads=self.step_reads,
            audit_log=self.audit_log,
            fleet=self.fleet,
            registry=self.registry,
            dispatcher=ClusterDispatcher(self.dispatcher, ledger),
            artifacts=self.artifacts,
            executions=self.executions,
            freezes=self.freezes,
            queue=self.queue,
            configurations=self.configurations,
            scheduled_runs=self.scheduled_runs,
            catalogue=self.catalogue,
            requests=self.requests,
            cursors=self.cursors,
            machines=self.machines,
            poll_seconds=0.5,
            heartbeat_timeout=HEARTBEAT_TIMEOUT,
        )

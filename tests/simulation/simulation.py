"""One run of one seed: a cluster, its control plane, its operators, and the faults.

Made by run.py. All parts of a run reach one another through the object `Simulation`.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from lifecycle.application.context import CHECKPOINT_FROM
from lifecycle.domain.fleet.cluster import Cluster
from tests.fakes.artifacts import MemoryArtifacts
from tests.fakes.audit import MemoryAuditLog
from tests.fakes.catalogue import MemoryCatalogue
from tests.fakes.configurations import MemoryConfigRevisions, MemoryConfigStore
from tests.fakes.cursors import MemoryCursors
from tests.fakes.deployments import MemoryDeployments
from tests.fakes.freezes import MemoryFreezes
from tests.fakes.queue import MemoryQueue
from tests.fakes.registry import MemoryRegistry
from tests.fakes.requests import MemoryRequests
from tests.fakes.scheduled_runs import MemoryScheduledRuns
from tests.simulation import agents, simulated_installer
from tests.simulation.balancer import Balancer
from tests.simulation.call_faults import CallFaults
from tests.simulation.context import instrumented_context
from tests.simulation.executions import Executions
from tests.simulation.fakes import Fleet, Leases
from tests.simulation.faults import Faults
from tests.simulation.hosts import Flaw, Host
from tests.simulation.invocations import Invocations
from tests.simulation.machine import CommandResult, Execution
from tests.simulation.machines import Machines
from tests.simulation.metrics import Metrics
from tests.simulation.operators import Operators
from tests.simulation.oracle import Oracle
from tests.simulation.scenario import Scenario
from tests.simulation.scheduler import Actor, Killed, Outcome, Scheduler
from tests.simulation.throttling import Throttling
from tests.simulation.workers import WorkerRotation, is_of_a_worker

BEGAN = datetime(2026, 11, 23, 12, tzinfo=UTC)
CLUSTER = Cluster("production", "hello")


class Simulation(Scheduler):
    """The scheduler with all parts of a run. Once `calm` is True, no more faults are injected."""

    def __init__(self, seed: int, *, tracing: bool = False) -> None:
        super().__init__(seed)
        self.seed = seed
        self._asked, self._answered = 0.0, BEGAN
        # Half of the runs use checkpoints, in small clusters too.
        self.checkpoint_from = 0 if seed % 2 == 0 else CHECKPOINT_FROM
        simulated_installer.forget_hosts()
        self.tracing = tracing
        self.timeline: list[str] = []
        self.calm = False
        self.cluster = CLUSTER
        self.hosts: dict[str, Host] = {}
        self.hosts_at: dict[str, Host] = {}
        self.reporters: dict[str, agents.Reporter] = {}
        self.leases = Leases(self)
        self.deployments = MemoryDeployments()
        self.audit_log = MemoryAuditLog()
        self.registry = MemoryRegistry((CLUSTER,))
        self.artifacts = MemoryArtifacts()
        self.catalogue = MemoryCatalogue()
        self.freezes = MemoryFreezes()
        self.scheduled_runs = MemoryScheduledRuns()
        self.queue = MemoryQueue()
        self.requests = MemoryRequests()
        self.cursors = MemoryCursors()
        self.config_store = MemoryConfigStore()
        self.configurations = MemoryConfigRevisions(self.config_store)
        self.fleet = Fleet(self)
        # In a third of the runs the hosts are bound to their addresses, and some reports lie about both.
        self.closed = seed % 3 == 0
        self.http = not is_of_a_worker(seed)
        self.balancer = Balancer(self) if self.http else WorkerRotation(self)
        self.metrics = Metrics(self)
        # The fake of Metrics behind call faults, as `analyse` sees it; set by context.py.
        self.metrics_port: Any = None
        self.oracle = Oracle(self)
        self.call_faults = CallFaults(self)
        self.throttling = Throttling(self)
        self.executions = Executions(self)
        self.invocations = Invocations(self)
        self.machines = Machines(self)
        self.faults = Faults(self)
        self.operators = Operators(self)
        # A dependency of every host is down: all fail their health checks and self-tests.
        self.outage_began, self.outage_until = -1e9, -1e9
        self.clock_error = self.rng.choice((0.0, 0.0, 0.5, 3.0, 20.0))
        self.clock_error_ever = self.clock_error > 1.0
        self.context = instrumented_context(self)
        self.scenario = Scenario(self)
        self.scenario.prepare()

    def time(self, more: float = 0.0) -> datetime:
        """Return the simulated time, `more` seconds from now; calls at the same time get the same object."""
        seconds = self.now + more
        if seconds != self._asked:
            self._asked, self._answered = seconds, BEGAN + timedelta(seconds=seconds)
        return self._answered

    def skew(self) -> float:
        """Return the clock error of a new actor, in seconds."""
        return 0.0 if not self.clock_error else self.clock_error * (2 * self.random() - 1)

    def say(self, who: str, what: str, *more: object) -> None:
        """Append a line to the timeline: time, actor, step and details."""
        details = " ".join(short(each) for each in more if each not in ("", None, CLUSTER))
        self.timeline.append(f"{self._clock_text()}  {who:<28} {what:<26} {details}".rstrip())

    def _clock_text(self) -> str:
        minutes, seconds = divmod(self.now, 60)
        hours, minutes = divmod(int(minutes), 60)
        return f"{hours:3}:{minutes:02}:{seconds:06.3f}"

    def flaw(self, version: str, host: str, config: int = 0) -> Flaw:
        found = self.scenario.flaw(version, host)
        return self.scenario.config_flaws.get(config, Flaw.NONE) if found is Flaw.NONE else found

    def work(self, host: Host, what: str, seconds: float, *, disk: bool = False) -> None:
        """Do a step of an agent, which takes time and may fail: see call_faults.py."""
        self.call_faults.on_host(host, what, seconds, disk=disk)

    def invoke(self, function: str, given: Mapping[str, Any], done: CommandResult) -> None:
        self.invocations.invoke(function, given, done)

    def start_execution_error(self) -> str:
        """Return the error of this StartExecution call; empty when it succeeds."""
        if self.calm or self.random() >= self.invocations.rate:
            return ""
        self.call_faults.count("start refused")
        return "StepFunctions.SfnException"

    def execution_failed(self, execution: Execution) -> None:
        self.operators.converge_after(execution)

    def start_agent(self, host: Host) -> None:
        """Start the agent of a host, with the journal that is on its disk."""
        if not host.up or (host.agent is not None and not host.agent.gone):
            return
        host.agent = self.spawn(f"agent {host.name}", lambda: agents.run_agent(host), lambda o: self._died(host, o))
        host.last_unreachable_at = max(host.last_unreachable_at, self.now)
        host.agent.host, host.agent.function = host.name, "agent"
        host.agent.skew = self.skew()

    def _died(self, host: Host, outcome: Outcome) -> None:
        """Restart an agent that crashed, as systemd would; report an error that it raised to the oracle."""
        error = outcome[1]
        if isinstance(error, Exception):
            self.oracle.unexpected(host.agent, error)
        host.last_unreachable_at = self.now
        if self.now >= host.cut_off_until:
            self.fleet.beat(host.name, last=True)
        if self.tracing:
            self.say(host.name, "its agent died")
        long = 1.0 if self.calm or self.random() < 0.8 else 60.0
        self.after(1.0, 8.0 * long, lambda: self.start_agent(host))

    def resend_report(self, host: Host) -> None:
        if found := self.reporters.get(host.name):
            found.resend_report()

    def check_service(self, host: Host) -> None:
        """Let a running agent check its service now."""
        found = self.reporters.get(host.name)
        if found and host.agent and not host.agent.gone:
            found.check_service()

    def close(self) -> None:
        """End every actor of this run."""
        for actor in self.actors:
            if not actor.gone and actor.fiber:
                actor.fiber.throw(Killed)

    def crash_agent(self, host: Host) -> None:
        if host.agent is not None:
            self.kill(host.agent)


def short(value: object) -> str:
    """Return a short text for a timeline; records by their name, state and reason."""
    if isinstance(value, Mapping):
        return " ".join(f"{n}={short(v)}" for n, v in value.items() if n not in ("service", "environment"))
    state = getattr(value, "state", None) or getattr(value, "stage", None) or getattr(value, "order", None)
    if state is not None and hasattr(value, "epoch"):
        who = getattr(value, "host", "") or getattr(value, "id", "")
        number = getattr(value, "number", "") or getattr(value, "attempt", "")
        return f"{who} {number} {state} {getattr(value, 'version', '')} {getattr(value, 'reason', '')}".strip()
    what = getattr(value, "what", None)
    if what is not None:
        return f"{what} {getattr(value, 'host', '')} {getattr(value, 'why', '')}"
    return str(value)[:200]


__all__ = ["Actor", "Simulation"]

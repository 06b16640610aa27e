"""The loop of statemachines/rollout.asl.json in Python, over in-memory fakes and scripted hosts.

A `Host` behaves as an agent does: when the clock moves it takes an INSTALL turn, and reports. Its `breaks`
maps a version to the stage that fails there.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from lifecycle.application.rollout import stages
from lifecycle.application.rollout.decide import answer_deployment, approve, decide
from lifecycle.application.rollout.diagnose import diagnose
from lifecycle.application.rollout.finish import finish
from lifecycle.application.rollout.next_step import Decided, decide_next
from lifecycle.application.rollout.plan import Planned, begin
from lifecycle.application.rollout.release_command import run_release_command
from lifecycle.application.rollout.requested import begin_requested
from lifecycle.application.rollout.requests import payload, record_request
from lifecycle.application.rollout.rollback import hand_over
from lifecycle.application.rollout.stage_guard import HostTask, Outcome
from lifecycle.application.rollout.task_tokens import await_answer
from lifecycle.application.rollout.test_bed.analyse import analyse
from lifecycle.application.rollout.test_bed.end import end_bake
from lifecycle.application.rollout.test_bed.task import BakeTask
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.host import NOT_KNOWN, AgentStage, Feature, HostReport, SelfTest
from lifecycle.domain.fleet.host_command import Order, Turn
from lifecycle.domain.fleet.target_group import Group, TargetState
from lifecycle.domain.rollout.attempt import HostAttempt
from lifecycle.domain.rollout.decision import Answer, Choice
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState, Kind, Request
from lifecycle.domain.rollout.recorded_request import RecordedRequest, Source
from lifecycle.domain.rollout.test_bed.model import BedState, TestBed
from lifecycle.domain.service.manifest import Check, Manifest, Run
from lifecycle.domain.service.policy import Policy
from tests.fakes.context import MemoryContext
from tests.fakes.metrics import MemoryMetrics, Served
from tests.simulation.quick_records import report_seen_at
from tests.support.scripted_host import Host, at_port, report_on

CLUSTER = Cluster("production", "hello")
BUILT = datetime(2026, 11, 23, 11, tzinfo=UTC)
HEARTBEAT = timedelta(seconds=10)
# Seconds: the latencies of a hundred requests to one host in a minute.
LATENCIES = tuple(0.010 + 0.0001 * number for number in range(100))
WITHOUT_HTTP: dict[str, Any] = {
    "run": Run("python3 work.py", 0, http=False),
    "is_alive": Check(timeout_seconds=2),
    "self_test": Check(command="./check.sh"),
}
_QUICK = Policy(min_alive_seconds=0, settle_seconds=0)
CHAIN = (stages.drain, stages.install, stages.self_test, stages.register, stages.await_alive)


def manifest(version: str, policy: Policy | None = None, **changes: Any) -> Manifest:
    """Return the manifest of a release of hello whose bytes are its version; only staging may be automatic."""
    usual = Manifest(
        service="hello",
        version=version,
        commit="a" * 40,
        repository="https://example.test/hello.git",
        branch="main",
        digest=hashlib.sha256(version.encode()).hexdigest(),
        size=len(version),
        built_at=BUILT,
        builder="build-1",
        run=Run("python3 app.py", 8080),
        is_alive=Check(path="/is_alive"),
        self_test=Check(path="/self_test"),
        policies={"staging" if policy and policy.automatic else "production": policy or _QUICK},
    )
    return replace(usual, **changes)


class Machine:
    """A cluster of scripted hosts behind an in-memory load balancer, and the rollout's loop."""

    def __init__(
        self, hosts: int = 4, policy: Policy | None = None, *, http: bool = True, cluster: Cluster = CLUSTER
    ) -> None:
        self.http, self.cluster = http, cluster
        self.memory = (
            MemoryContext({self.cluster: "/is_alive"}) if http else MemoryContext({}, without=[self.cluster])
        )
        self.context = self.memory.context
        self.hosts = [Host(f"host-{n}", f"127.0.{10 + n // 250}.{n % 250}", "ab"[n % 2]) for n in range(1, hosts + 1)]
        self.rotations: list[dict[str, TargetState]] = []
        self.executions: list[str] = []
        self.snapshots: list[str] = []
        self.metrics = MemoryMetrics()
        self.passes: Counter[str] = Counter()  # of each execution's loop
        self.stop_at = ""  # a kind of step at which `run` stops
        self.stopped: Decided | None = None
        self.quiet = False  # True: the service gets no requests
        self.errors: dict[str, int] = {}  # version -> how many of a minute's hundred requests fail
        for version in ("1.0.0", "1.0.1", "1.0.2"):
            own = policy if http or policy else Policy(min_alive_seconds=0)
            self.publish(manifest(version, own, **({} if http else WITHOUT_HTTP)))
        for host in self.hosts:
            self._report(host, self._first_report(host))
        self.memory.clock.ticks.append(self.tick)

    @property
    def now(self) -> datetime:
        return self.memory.clock.now()

    def publish(self, made: Manifest) -> None:
        self.memory.publish(made, made.version.encode())

    def report(self, host: str) -> HostReport:
        found = self.memory.fleet.report(self.cluster, host)
        assert found is not None
        return found

    def turn(self, host: str) -> Turn:
        found = self.memory.fleet.turn(self.cluster, host)
        assert found is not None
        return found

    def host(self, name: str) -> Host:
        return next(host for host in self.hosts if host.name == name)

    def _first_report(self, host: Host) -> HostReport:
        return HostReport(host.name, host.address, 8080, host.zone, self.now, self.now, features=tuple(Feature))

    def tick(self) -> None:
        """Let agents poll, drains end, and health checks run."""
        turns, reports = self.memory.fleet.turns(self.cluster), self.memory.fleet.reports(self.cluster)
        due = self.now - HEARTBEAT
        for host in self.hosts:
            turn = turns.get(host.name)
            news = turn is not host.seen or reports[host.name].seen_at <= due
            if news and not host.silent:
                host.seen = turn
                self._report(host, self._acted(host, turn))
        self.memory.dispatcher.settle()
        self.rotations.append(dict(self.context.dispatcher.targets(self.cluster)))

    def _acted(self, host: Host, turn: Turn | None) -> HostReport:
        was = at_port(report_seen_at(self.report(host.name), self.now), host)
        if turn is None or turn.order is Order.IDLE or turn.epoch < was.epoch:
            return was
        if turn.order is Order.PREFETCH:
            return self._prefetched(host, was, turn)
        if was.answers(turn) and was.order is turn.order:
            return was
        return self._released(host, was, turn) if turn.order is Order.RELEASE else self._installed(host, was, turn)

    def _installed(self, host: Host, was: HostReport, turn: Turn) -> HostReport:
        host.boots += 1
        boot = f"{host.name}-{host.boots}"
        began = replace(report_on(was, turn), self_test=None, ended=None)
        failing = AgentStage.SELF_TESTING if turn.config in host.bad_configs else host.breaks.get(turn.version)
        if turn.goes_back is False and was.knows_newer(turn.version):
            return replace(began, stage=AgentStage.FAILED, failed_stage=AgentStage.FETCHING, detail="too old")
        left = host.leaves if turn.order is Order.RESTORE else ""
        if left or failing in (AgentStage.FETCHING, AgentStage.INSTALLING):
            stage, detail = failing or AgentStage.INSTALLING, "pid 41 did not end" if left else "scripted"
            return replace(began, stage=AgentStage.FAILED, failed_stage=stage, detail=detail, leftover=left)
        installed = replace(
            began,
            installed=turn.version,
            digest=turn.digest,
            manifest=turn.manifest,
            boot=boot,
            running=True,
            config=0 if host.knows_no_config else turn.config,
            address=host.address,
            port=host.port,
            moves_to="",
            newest=was.newest if was.knows_newer(turn.version) else (turn.version,),
        )
        if failing and not self.http:  # its self-test came before its start
            installed, boot = replace(installed, running=False, boot=""), ""
        if failing:
            test = SelfTest(False, turn.digest, boot, "scripted")
            return replace(
                installed, stage=AgentStage.FAILED, failed_stage=failing, detail="scripted", self_test=test
            )
        return replace(installed, stage=AgentStage.DONE, self_test=SelfTest(True, turn.digest, boot, "ok"))

    @staticmethod
    def _released(host: Host, was: HostReport, turn: Turn) -> HostReport:
        host.released.append(turn.version)
        began = replace(report_on(was, turn), failed_stage=None, detail="", log_tail="migrated")
        began = replace(began, release_ended=host.release in ("passes", "fails"))
        if host.release == "runs":
            return replace(began, stage=AgentStage.RELEASING)
        if host.release == "passes":
            return replace(began, stage=AgentStage.RELEASED)
        detail = "the release command failed: exit code 3" if host.release == "fails" else f"{NOT_KNOWN}: restarted"
        return replace(began, stage=AgentStage.FAILED, failed_stage=AgentStage.RELEASING, detail=detail)

    @staticmethod
    def _prefetched(host: Host, was: HostReport, turn: Turn) -> HostReport:
        if was.answers(turn) and was.deployment == turn.deployment:
            return was
        began = replace(report_on(was, turn), detail="")
        if host.breaks.get(turn.version) is AgentStage.FETCHING:
            return replace(began, stage=AgentStage.FAILED, failed_stage=AgentStage.FETCHING, detail="scripted")
        return replace(began, stage=AgentStage.READY, failed_stage=None)

    def _report(self, host: Host, report: HostReport) -> None:
        self.memory.fleet.write_report(self.cluster, report)

    def request(self, version: str, kind: Kind = Kind.DEPLOY, **changes: Any) -> Request:
        name = f"hello-{self.cluster.environment}-{self.now:%Y%m%d%H%M%S}-{version.replace('.', '')}"
        usual = Request(name, self.cluster.service, self.cluster.environment, version, requested_by="ada", kind=kind)
        return replace(usual, **changes)

    def deploy(self, version: str, kind: Kind = Kind.DEPLOY, **changes: Any) -> str:
        """Plan a deployment and run it until it ends or waits for a human; return its name."""
        self.memory.clock.sleep(1)
        request = self.request(version, kind, **changes)
        planned = begin(self.context, request, request.deployment)
        if planned.kind == "PLANNED":
            self.run(request.deployment)
        return request.deployment

    def begin(self, request: Request) -> Planned:
        return begin(self.context, request, request.deployment)

    def run(self, name: str, steps: int = 100) -> Decided:  # noqa: C901 (one case per kind of step)
        """Run the loop; return the step at which it stopped. It follows a rollback into its deployment."""
        execution = name
        for _ in range(steps):
            step = self.decide_next(name, execution)
            if step.kind == self.stop_at:  # as if its answer was lost: the same pass comes again
                self.stopped = step
                self.passes[execution] -= 1
                return step
            match step.kind:
                case "UPDATE_HOSTS":
                    for given in step.hosts:
                        self.update(name, str(given["host"]), int(given["attempt"]), Group(str(given["group"])))
                case "CONTINUE":
                    self.executions.append(step.execution)
                    execution = step.execution
                    assert begin(self.context, self.record(name).request, execution).kind == "PLANNED"
                case "BAKE":
                    self.bake(name, step.seconds)
                case "END_BAKE":
                    self.end_bake(name, step)
                case "RELEASE_COMMAND":
                    self.release(name, str(step.hosts[0]["host"]), int(step.hosts[0]["attempt"]))
                case "DIAGNOSE":
                    self.diagnose(name, str(step.hosts[0]["host"]), int(step.hosts[0]["attempt"]))
                case "AWAIT_HUMAN":
                    await_answer(self.context, name, step.question, f"token-{step.question}")
                    return step
                case "ROLL_BACK":
                    handed = hand_over(self.context, self.cluster, name, step.reason).input
                    assert self.start(handed).kind == "PLANNED"
                    return self.run(handed["deployment"])
                case _:
                    finish(self.context, self.cluster, name, DeploymentState(step.outcome), step.reason)
                    return step
        message = f"{name} did not end within {steps} steps"
        raise AssertionError(message)

    def decide_next(self, name: str, execution: str = "") -> Decided:
        """Make the next pass of an execution's loop."""
        self.passes[execution or name] += 1
        return decide_next(self.context, self.cluster, name, execution or name, self.passes[execution or name])

    def hand_out(self, name: str, host: str, attempt: int = 1, group: Group = Group.MAIN) -> HostTask:
        """Return the task of an attempt, which is written if no pass of the loop has handed it out."""
        epoch = self.record(name).epoch
        self.memory.deployments.begin_attempt(HostAttempt(name, host, attempt, epoch, name, self.now, group=group))
        return HostTask(self.cluster, name, epoch, host, attempt, group)

    def update(self, name: str, host: str, attempt: int, group: Group = Group.MAIN) -> list[str]:
        task = self.hand_out(name, host, attempt, group)
        return [stage(self.context, task).outcome for stage in CHAIN]

    def bake(self, name: str, seconds: float) -> str:
        """Analyse the test bed after a minute of requests to both of its hosts; return the outcome."""
        self.memory.clock.sleep(seconds)
        for group in (Group.TEST_BED, Group.CONTROL):
            addresses = self.memory.dispatcher.members(self.cluster, group)
            for host in self.hosts:
                if host.address in addresses and not self.quiet:
                    errors = self.errors.get(self.report(host.name).installed, 0)
                    self.metrics.served[self.cluster, group].append(
                        Served(self.now - timedelta(seconds=1), LATENCIES, errors)
                    )
        return analyse(self.context, self.metrics, BakeTask(self.cluster, name, self.record(name).epoch)).outcome

    def end_bake(self, name: str, step: Decided) -> str:
        task = BakeTask(self.cluster, name, self.record(name).epoch)
        return end_bake(self.context, task, step.bed, BedState(step.outcome), step.reason).outcome

    def bed(self, name: str) -> TestBed:
        """Return the newest test bed of a deployment."""
        return self.memory.deployments.beds(name)[-1]

    def release(self, name: str, host: str, attempt: int) -> Outcome:
        task = HostTask(self.cluster, name, self.record(name).epoch, host, attempt)
        return run_release_command(self.context, task)

    def diagnose(self, name: str, host: str, attempt: int) -> str:
        task = HostTask(self.cluster, name, self.record(name).epoch, host, attempt)
        return diagnose(self.context, task).outcome

    def run_what_waited(self) -> str:
        """Run the newest execution that the queue has started; return its deployment's name."""
        execution, given = list(self.memory.executions.rollouts.items())[-1]
        if self.start(given, execution).kind == "PLANNED":
            self.run(given["deployment"])
        return str(given["deployment"])

    def start(self, given: Mapping[str, str], execution: str = "") -> Planned:
        """Plan as an execution with this input does."""
        return begin_requested(self.context, given["deployment"], execution or given["deployment"])

    def ask(self, request: Request) -> dict[str, str]:
        """Record a request, as convergence or the operators' function does; return its execution's input."""
        source = Source.CONVERGENCE if request.kind is Kind.CONVERGE else Source.OPERATOR
        record_request(self.memory.requests, RecordedRequest(request, source, self.now))
        return payload(request)

    def join(self, name: str) -> Host:
        """Add a host with nothing installed."""
        host = Host(name, f"127.0.11.{len(self.hosts)}")
        self.hosts.append(host)
        self._report(host, self._first_report(host))
        return host

    def leave(self, name: str) -> None:
        """Remove a host, as if it were switched off."""
        host = self.host(name)
        self.hosts.remove(host)
        self.memory.dispatcher.states[self.cluster].pop(host.address, None)
        self.memory.fleet.remove(self.cluster, name)

    def repaired(self, times: int) -> None:
        """Record so many repairs of one host, as an autoscaled cluster has between two releases."""
        last = self.memory.deployments.recent(self.cluster, 1)[0]
        for number in range(1, times + 1):
            name, at = f"{last.id}-{number}", last.started_at + timedelta(milliseconds=number)
            request = replace(last.request, deployment=name, kind=Kind.CONVERGE, only=("host-1",))
            self.memory.deployments.put(replace(last, request=request, started_at=at))

    def record(self, name: str) -> Deployment:
        found = self.memory.deployments.get(self.cluster, name)
        assert found is not None
        return found

    def decide(self, name: str, choice: Choice, host: str = "host-1", attempt: int = 1) -> Decided:
        """Answer as grace, and run the loop again."""
        decide(self.context, self.cluster, name, host, attempt, Answer(choice, "grace", "as agreed", self.now))
        return self.run(name)

    def tell(self, name: str, choice: Choice) -> None:
        """Answer for a whole deployment as grace: pause, resume, abort or roll back."""
        answer_deployment(self.context, self.cluster, name, Answer(choice, "grace", "as agreed", self.now))

    def approve(self, name: str, choice: Choice) -> Decided:
        approve(self.context, self.cluster, name, Answer(choice, "grace", "as agreed", self.now))
        return self.run(name)

    def installed(self) -> dict[str, str]:
        return {host.name: self.report(host.name).installed for host in self.hosts}

    def serving(self) -> dict[str, str]:
        states = self.context.dispatcher.targets(self.cluster)
        healthy = [h for h in self.hosts if states.get(h.address, TargetState.ABSENT).serves]
        return {host.name: self.report(host.name).installed for host in healthy}

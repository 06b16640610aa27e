"""Both state machines over the in-memory fakes, where the tasks of a test's choice fail.

Used by test_every_task_fails.py. Unlike the simulation, nothing else goes wrong, and there is no chance: time jumps
to the next event, and each function runs to its end at once.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from heapq import heappop, heappush
from typing import Any

from lifecycle.application.convergence.converge import converge_all
from lifecycle.application.delivery import build
from lifecycle.application.delivery.check_build import check_build
from lifecycle.application.delivery.several import start_services
from lifecycle.application.rollout.decide import answer_deployment, approve, decide
from lifecycle.application.rollout.requested import refuse_input
from lifecycle.domain.convergence.ended_execution import EndedExecution
from lifecycle.domain.delivery.earlier_run import EarlierRun
from lifecycle.domain.errors import LifecycleError
from lifecycle.domain.fleet.target_group import Group
from lifecycle.domain.monitoring.notifications import Change, Notification, Recorded, notification_of
from lifecycle.domain.rollout.decision import Answer, Choice, Question, open_questions
from lifecycle.domain.rollout.deployment import Deployment
from lifecycle.domain.rollout.execution import ExecutionState
from lifecycle.entrypoints import delivery_events, events
from lifecycle.entrypoints.handler import entry
from tests.fakes.executions import MemoryExecutions
from tests.fakes.metrics import Served
from tests.fakes.signer import SNAPSHOT_SIGNER
from tests.simulation import functions
from tests.simulation.definition import Definition, State, delivery, rollout
from tests.simulation.failures import NEVER, Failing, Failure
from tests.simulation.history import CONVERGE_EVERY
from tests.simulation.machine import TOKEN, CommandResult, Execution
from tests.support.rollout import LATENCIES, Machine

# History events of an execution that no test expects; AWS would end it at 25,000.
SPINS = 8_000
UPLOAD = "incoming/AROA:AWSCodeBuild-1"
_SECOND = timedelta(seconds=1)

Human = Callable[[Question], Choice | None]


@dataclass(frozen=True, slots=True)
class _Build:
    """A build that ended well; the state of a build as the port gives it."""

    exported: Mapping[str, str]
    kind: str = "SUCCEEDED"
    reason: str = ""
    stopped: bool = False


class Builds:
    """Builds that publish a snapshot at once."""

    def __init__(self, snapshot: str) -> None:
        self.started: list[str] = []
        self.details = ""
        self._snapshot = snapshot

    def start(self, repository: str, commit: str, token: str, environment: Mapping[str, str]) -> str:
        del repository, commit, environment
        if token not in self.started:
            self.started.append(token)
        return f"lifecycle-build:{token}"

    def state(self, build: str) -> _Build:
        del build
        published = {"LIFECYCLE_SERVICE": "hello", "LIFECYCLE_VERSION": self._snapshot, "LIFECYCLE_UPLOAD": UPLOAD}
        return _Build({"LIFECYCLE_DETAILS": self.details} if self.details else published)

    def stop(self, build: str) -> None:
        del build


class FailingExecution(Execution):
    """An execution of which some tasks fail."""

    def __init__(self, world: "StepFunctions", name: str, given: Any, of: Definition) -> None:
        super().__init__(world, name, given, of)
        self._world = world

    def _call(self, state: State, given: Any, once: CommandResult) -> None:
        failure = self._world.failing.now(state.name)
        if failure is None:
            super()._call(state, given, once)  # raises before the call, if there are no arguments
        self._world.called[state.name] = self._world.called.get(state.name, 0) + 1
        if failure is None:
            return
        if failure.after_effect:
            super()._call(state, given, lambda _r, _e: None)
            self.events -= TOKEN if state.waits_for_token else 0  # Step Functions did not hear that it was taken
        if state.waits_for_token and not failure.error and failure.instead is not NEVER:
            self._submitted()
        self.sim.after(0.1, 0.1, lambda: _fail(state, failure, once))


def _fail(state: State, failure: Failure, once: CommandResult) -> None:
    if failure.error:
        once(None, failure.error)
    elif failure.instead is NEVER or state.waits_for_token:
        return  # what a function answers does not end a wait for its token
    else:
        once({"Payload": failure.instead} if state.function else failure.instead, "")


class PortOfExecutions(MemoryExecutions):
    """The port, over the executions of a `StepFunctions`."""

    def __init__(self, of: "StepFunctions") -> None:
        super().__init__()
        self._of = of

    def start_rollout(self, name: str, payload: Mapping[str, Any]) -> bool:
        return self._of.start_execution(name, payload, by="the port")

    def start_delivery(self, name: str, payload: Mapping[str, Any]) -> bool:
        return self._of.start(name, dict(payload), delivery())

    def earlier_run(self, name: str) -> EarlierRun | None:
        if (found := self._of.by_name.get(name)) is None:
            return None
        repository, by, folder = (str(found.given.get(field, "")) for field in ("repository", "delivery", "folder"))
        output = found.output if isinstance(found.output, dict) else {}
        return EarlierRun(repository, by, bool(found.error), found.running, output, folder)

    def rollout_state(self, name: str) -> ExecutionState:
        found = self._of.by_name.get(name)
        return found.state if found else ExecutionState.UNKNOWN

    def answer_token(self, token: str, output: Mapping[str, Any]) -> bool:
        del output
        found = self._of.by_name.get(token.partition("#")[0])
        if found is None or not found.running or token not in found.tokens:
            return False
        self._of.after(0.1, 0.1, found.tokens.pop(token))
        return True


class StepFunctions:
    """A service that starts executions, a cluster behind it, convergence every 15 minutes, and perhaps a human.

    It is the `sim` of its executions (machine.py). `called` counts the tries of each task by its state's name.
    """

    tracing = False

    def __init__(self, machine: Machine, failing: Failing, human: Human = lambda _: None) -> None:
        self.machine, self.failing, self.human = machine, failing, human
        self.memory = machine.memory
        self.by_name: dict[str, FailingExecution] = {}
        self.executions = self
        self.called: dict[str, int] = {}
        self.answers = 0
        self.catalogue = machine.memory.catalogue
        self.catalogue.claim_service("hello", "https://example.test/hello.git")
        self.builds = Builds(next(iter(machine.snapshots), ""))
        machine.context = replace(machine.context, executions=self._port())
        self._began = self.memory.clock.now()
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self.after(CONVERGE_EVERY / 2, 0, self._converge)

    def _port(self) -> PortOfExecutions:
        return PortOfExecutions(self)

    # What an execution needs.

    @property
    def now(self) -> float:
        return (self.memory.clock.now() - self._began).total_seconds()

    def time(self) -> datetime:
        return self.memory.clock.now()

    def after(self, seconds: float, _latest: float, act: Callable[[], None]) -> None:
        self._count += 1
        heappush(self._events, (self.now + seconds, self._count, act))

    def say(self, who: str, what: str, *more: object) -> None:
        """Do nothing: nobody reads a timeline here."""

    def start_execution_error(self) -> str:
        return ""

    def execution_failed(self, execution: Execution) -> None:
        """Call convergence as EventBridge does for a rollout."""
        if execution.definition is rollout():
            ended = EndedExecution(execution.name, (execution.ended_at - execution.began_at) * _SECOND)
            self.after(1, 1, lambda: self._converge_once("an execution ended", ended))

    def start_execution(self, name: str, given: Mapping[str, Any], by: str) -> bool:
        del by
        return self.start(name, given, rollout())

    def start(self, name: str, given: Any, definition: Definition) -> bool:
        """Start an execution; returns False if its name was used before.

        As on AWS, the same input under the same name is the same execution while that runs.
        """
        if (existing := self.by_name.get(name)) is not None:
            return existing.running and bool(existing.given == given)
        execution = FailingExecution(self, name, given, definition)
        self.by_name[name] = execution
        self.after(0.1, 0.1, execution.start)
        return True

    def invoke(self, function: str, given: Mapping[str, Any], done: CommandResult) -> None:
        """Run a function to its end. What it raises is the error's class name, as on AWS."""
        try:
            result = self._function(function, given)
        except LifecycleError as error:
            name = type(error).__name__
            self.after(0.1, 0.1, lambda: done(None, name))
        except ValueError:
            self.after(0.1, 0.1, lambda: done(None, "ValueError"))
        else:
            self.after(0.1, 0.1, lambda: done(functions.plain(result), ""))

    def _function(self, function: str, given: Mapping[str, Any]) -> Any:
        context = self.machine.context
        match function:
            case "plan":
                plan = entry(events.Start, lambda given, why: refuse_input(context, given, why))
                return plan(lambda _: functions.FUNCTIONS["plan"](context, given))(dict(given), None)
            case "analyse":
                self._serve()
                return functions.analyse(context, self.machine.metrics, given)
            case "start_build" | "check_build" | "start_services" | "record_snapshot":
                return self._delivery_function(function, given)
            case _:
                return functions.FUNCTIONS[function](context, given)

    def _delivery_function(self, function: str, given: Mapping[str, Any]) -> Any:
        if function == "start_build":
            stores = self.catalogue, self.memory.audit_log
            start = entry(
                delivery_events.StartBuild, lambda given, why: build.refuse_start(*stores, given, why, self.time())
            )
            return start(self._start_build)(dict(given), None)
        if function == "check_build":
            check = delivery_events.CheckBuild.model_validate(given)
            about = (check.push(), check.build, check.execution)
            return check_build(self.builds, self.catalogue, *about, self.machine.context.clock, timedelta(0))
        if function == "start_services":
            several = delivery_events.StartServices.model_validate(given)
            executions = self.machine.context.executions
            return start_services(
                executions, self.catalogue, several.push(), several.execution, several.services, several.unchanged
            )
        event = delivery_events.RecordSnapshot.model_validate(given)
        if not event.build:
            return build.deploy_again(
                self.catalogue,
                self.memory.artifacts,
                self.memory.requests,
                self.memory.audit_log,
                self.memory.fleet,
                event.finished(),
                self.time(),
            )
        return build.record_snapshot(
            self.catalogue,
            self.memory.artifacts,
            SNAPSHOT_SIGNER,
            self.memory.requests,
            self.memory.audit_log,
            self.memory.fleet,
            event.finished(),
            self.time(),
        )  # fmt: skip

    def _start_build(self, event: delivery_events.StartBuild) -> build.Started:
        return build.start_build(
            self.builds, self.catalogue, self.memory.audit_log, event.push(), event.started, event.execution
        )

    def _serve(self) -> None:
        """Let each host of the test bed answer the requests of the minutes so far."""
        served = self.machine.metrics.served
        for group in (Group.TEST_BED, Group.CONTROL):
            for _ in self.memory.dispatcher.members(self.machine.cluster, group):
                served[self.machine.cluster, group].append(Served(self.time() - _SECOND, LATENCIES, 0))

    # What happens around it.

    def run(self, hours: float) -> None:
        """Let so many hours pass."""
        until = self.now + hours * 3600
        while self._events and self._events[0][0] <= until:
            at, _, act = heappop(self._events)
            if at > self.now:
                self.memory.clock.sleep(at - self.now)
            act()
            self._answer()
            for name, execution in self.by_name.items():
                assert execution.events < SPINS, f"{name} spins in {execution.at}"

    def _converge(self) -> None:
        self.after(CONVERGE_EVERY, 0, self._converge)
        self._converge_once("schedule")

    def _converge_once(self, by: str, ended: EndedExecution | None = None) -> None:
        converge_all(self.machine.context, f"{self._count:04x}", by, self.machine.cluster, ended)

    def _answer(self) -> None:
        """Let the human answer what is asked, a minute after it was asked."""
        for record in self.deployments():
            for question in self.open(record):
                if self.time() - question.asked_at < 60 * _SECOND:
                    continue
                if (choice := self.human(question)) is not None:
                    self._say(record, question, Answer(choice, "grace", "as agreed", self.time()))

    def _say(self, record: Deployment, question: Question, answer: Answer) -> None:
        context = self.machine.context
        self.answers += 1
        if question.host:
            decide(context, self.machine.cluster, record.id, question.host, question.attempt, answer)
        elif answer.choice in (Choice.RESUME, Choice.ABORT):
            answer_deployment(context, self.machine.cluster, record.id, answer)
        else:
            approve(context, self.machine.cluster, record.id, answer)

    # What a test looks at.

    @property
    def polls(self) -> int:
        """The number of checks of a build, and of tries to start one."""
        return self.called.get("CheckBuild", 0) + self.called.get("StartBuild", 0)

    def deployments(self) -> list[Deployment]:
        return [each for each in self.memory.deployments.recent(self.machine.cluster, 50) if each.id in self.by_name]

    def open(self, record: Deployment) -> list[Question]:
        return open_questions(record, self.memory.deployments.questions(record.id))

    def notices(self, record: Deployment) -> list[Notification]:
        """Return the notifications about the records of a deployment as they stand."""
        at = self.time()
        questions = self.memory.deployments.questions(record.id)
        beds = self.memory.deployments.beds(record.id)
        changes: list[Recorded] = [record, *questions, *beds]
        found = [notification_of(Change(None, each, at)) for each in changes]
        return [each for each in found if each]

    def deploy(self, version: str, **changes: Any) -> str:
        request = self.machine.request(version, **changes)
        self.start(request.deployment, self.machine.ask(request), rollout())
        return request.deployment

    def deliver(self, push: Any, name: str = "") -> FailingExecution:
        self.start(name or f"hello-{'a' * 40}", push, delivery())
        return self.by_name[name or f"hello-{'a' * 40}"]

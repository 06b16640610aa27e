"""Every task of both state machines fails in every way: the execution ends or waits, and somebody is notified.

The tasks are found by walking the definitions, so a new one is covered as soon as a scenario reaches it. History
events are counted as AWS writes them (machine.py).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache

import pytest

from lifecycle.domain.fleet.host import AgentStage
from lifecycle.domain.fleet.target_group import TargetState
from lifecycle.domain.rollout.attempt import AttemptState, HostAttempt, ReleaseRun
from lifecycle.domain.rollout.decision import Choice, Question
from lifecycle.domain.rollout.deployment import DeploymentState
from lifecycle.domain.service.manifest import ReleaseCommand
from lifecycle.domain.service.policy import Policy
from tests.simulation.definition import Definition, State, delivery, rollout
from tests.simulation.failures import ERRORS, RAISES, START_ERRORS, Failing, Failure, failures_of, tasks_in
from tests.simulation.step_functions import UPLOAD, FailingExecution, Human, StepFunctions
from tests.support.rollout import CLUSTER, Machine, manifest

# The history events that a failure adds to an execution, in so many hours.
MOST_EVENTS = 200
HOURS = 12.0
# A build that never ends is polled every 15 seconds, until the execution times out after three hours. A full queue is
# tried again each minute.
MOST_POLLS = 100
MOST_EVENTS_OF_POLLING = 7_000
# Executions of one deployment: convergence tries it three times before it asks, and then every four hours.
MOST_EXECUTIONS = 9
HOSTS = 4
SNAPSHOT = "1.0.1-20261123110000-aaaaaaa"
PUSH = {
    "repository": "https://example.test/hello.git",
    "name": "hello",
    "commit": "a" * 40,
    "branch": "main",
    "pusher": "ann",
    "delivery": "1",
}
_NO_GATES = Policy()


def _nobody(question: Question) -> Choice | None:
    del question
    return None


def _goes_on(question: Question) -> Choice | None:
    """Answer as somebody who has mended what failed."""
    return next((c for c in (Choice.RETRY, Choice.RESUME, Choice.APPROVE) if c in question.choices), None)


def _approves(question: Question) -> Choice | None:
    return Choice.APPROVE if Choice.APPROVE in question.choices else None


def _rolls_back(question: Question) -> Choice | None:
    return Choice.ROLL_BACK if Choice.ROLL_BACK in question.choices else None


@dataclass(frozen=True, eq=False)
class Scenario:
    """A cluster that serves 1.0.0, a cause for an execution, and a human who answers what the scenario needs.

    `broken` are tasks that fail in this scenario anyway.
    """

    name: str
    begin: Callable[[StepFunctions], object]
    policy: Policy = _NO_GATES
    prepare: Callable[[Machine], None] = lambda _: None
    human: Human = _nobody
    broken: Mapping[str, Failure] = field(default_factory=dict)

    def run(
        self,
        failing: Failing,
        human: Human | None = None,
        hours: float = HOURS,
        interpreter: type[StepFunctions] = StepFunctions,
    ) -> StepFunctions:
        machine = Machine(HOSTS, self.policy)
        policies = {"staging": Policy(automatic=True), "production": self.policy}
        made = manifest(SNAPSHOT, commit="a" * 40, policies=policies)
        machine.memory.artifacts.upload(UPLOAD, made, SNAPSHOT.encode())
        machine.snapshots.append(SNAPSHOT)
        machine.deploy("1.0.0")
        machine.memory.clock.sleep(1)
        self.prepare(machine)
        failing.states = {**self.broken, **failing.states}
        world = interpreter(machine, failing, human or self.human)
        self.begin(world)
        world.run(hours)
        return world


def _fails_on_host_1(machine: Machine) -> None:
    machine.host("host-1").breaks["1.0.1"] = AgentStage.SELF_TESTING


def _migrates(machine: Machine) -> None:
    machine.publish(manifest("1.1.0", release=ReleaseCommand("python manage.py migrate")))


def _is_nearly_full(machine: Machine) -> None:
    """Give the next execution so many attempts on hosts that have left that it has room for two more."""
    name = machine.request("1.0.1").deployment
    for number in range(398):
        gone = HostAttempt(name, f"gone-{number}", 1, 2, name, machine.now, AttemptState.ALIVE, AttemptState.ALIVE)
        machine.memory.deployments.begin_attempt(gone)


def _deploy(world: StepFunctions) -> object:
    return world.deploy("1.0.1")


def _deliver_several(world: StepFunctions) -> object:
    world.builds.details = '{"services":{"api":"api","web":"web"},"unchanged":""}'
    return world.deliver(PUSH)


SCENARIOS = (
    Scenario("a good version", _deploy),
    Scenario("a bad version", _deploy, prepare=_fails_on_host_1, human=_rolls_back),
    # Three minutes are too few for a verdict, so a human decides.
    Scenario("a test bed", _deploy, Policy(bake_minutes=3), human=_approves),
    Scenario("a release command", lambda world: world.deploy("1.1.0"), prepare=_migrates),
    Scenario("a nearly full execution", _deploy, prepare=_is_nearly_full),
    Scenario("a plan that breaks", _deploy, broken={"Plan": RAISES}),
    Scenario("a push", lambda world: world.deliver(PUSH)),
    Scenario("a push of several services", _deliver_several),
)


@cache
def _healthy(scenario: Scenario) -> StepFunctions:
    """Return the scenario as it runs while nothing else fails."""
    return scenario.run(Failing({}))


def _scenario(task: str) -> Scenario:
    found = next((each for each in SCENARIOS if task in _healthy(each).called), None)
    assert found, f"no scenario reaches {task}: add one to SCENARIOS"
    return found


MACHINES: tuple[Definition, ...] = (rollout(), delivery())
TASKS = [(machine, task) for machine in MACHINES for task in tasks_in(machine)]
NAMES = [task.name for _, task in TASKS]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.name)
def test_scenario_ends_while_nothing_else_fails(scenario: Scenario) -> None:
    world = _healthy(scenario)
    assert not [each.name for each in world.by_name.values() if each.running]
    ends = {DeploymentState.REFUSED} if scenario.broken else {DeploymentState.DONE, DeploymentState.ROLLED_BACK}
    assert {each.state for each in world.deployments()} <= ends


@pytest.mark.parametrize(("machine", "task"), TASKS, ids=NAMES)
def test_task_that_fails_for_ever_ends_or_waits_and_somebody_is_notified(machine: Definition, task: State) -> None:
    scenario = _scenario(task.name)
    for failure in failures_of(task, machine):
        what = f"{task.name} {failure.name}"
        _check(scenario.run(Failing({task.name: failure})), scenario, what)
        if task.waits_for_token:  # the decision is pending for long, if nobody answers
            _check(scenario.run(Failing({task.name: failure}), _nobody, HOURS / 2), scenario, what)


STAGES = [task for task in tasks_in(rollout()) if task.name not in rollout().states]


@pytest.mark.parametrize("task", STAGES, ids=[task.name for task in STAGES])
def test_stage_that_fails_halts_within_its_execution(task: State) -> None:
    for failure in (each for each in ERRORS if not each.after_effect):
        world = _scenario(task.name).run(Failing({task.name: failure}))
        (execution,) = world.by_name.values()
        assert (execution.running, execution.at) == (True, "AwaitHuman"), f"{task.name} {failure.name}"


@pytest.mark.parametrize("one", [task for _, task in TASKS], ids=NAMES)
def test_two_tasks_that_fail_for_ever_end_or_wait_and_somebody_is_notified(one: State) -> None:
    for other in (task for _, task in TASKS if task.name > one.name):
        for scenario in {_scenario(one.name), _scenario(other.name)}:
            failing = Failing({each.name: _raises(each) for each in (one, other)})
            _check(scenario.run(failing), scenario, f"{one.name} and {other.name}")


@pytest.mark.parametrize("task", [task for _, task in TASKS], ids=NAMES)
def test_rollout_goes_on_without_a_skipped_step_once_a_task_works_again(task: State) -> None:
    scenario = _scenario(task.name)
    for times in (1, 2, 5, 7, 8, 20):
        failing = Failing({task.name: _raises(task)}, times)
        world = scenario.run(failing, lambda asked: scenario.human(asked) or _goes_on(asked), 6 * HOURS)
        what = f"{task.name} fails {times} times"
        _check(world, scenario, what)
        for record in world.deployments():
            assert record.state.final, f"{what}: {record.id} is {record.state}, {record.reason}"
            _skips_nothing_and_repeats_only_what_a_human_retries(world, record.id, what)


def _skips_nothing_and_repeats_only_what_a_human_retries(world: StepFunctions, name: str, what: str) -> None:
    attempts = [each for each in world.memory.deployments.attempts(name) if not each.host.startswith("gone")]
    asked = world.memory.deployments.questions(name)
    retried = {(q.host, q.attempt) for q in asked if q.answer and q.answer.choice is Choice.RETRY}
    for attempt in attempts:
        assert attempt.state.ended, f"{what}: {attempt}"
        before = next((a for a in attempts if (a.host, a.number) == (attempt.host, attempt.number - 1)), None)
        known = before is None or (before.host, before.number) in retried or before.group is not attempt.group
        known = known or before is None or before.release is ReleaseRun.PASSED
        assert known, f"{what}: {attempt.host} was done again after {before}"


def _lies(plan: Failure | None) -> bool:
    said = plan.instead.get("kind") if plan and isinstance(plan.instead, dict) else None
    return said in rollout().states["Planned"].words


def _raises(task: State) -> Failure:
    return START_ERRORS[0] if task.resource == "states:startExecution" else RAISES


def _check(world: StepFunctions, scenario: Scenario, what: str) -> None:
    for name, execution in world.by_name.items():
        usual = _healthy(scenario).by_name.get(name)
        added = execution.events - (usual.events if usual else 0)
        most = MOST_EVENTS * (1 + world.answers) if world.polls < MOST_POLLS else MOST_EVENTS_OF_POLLING
        assert added <= most, f"{what}: it added {added} events to {name}"
        assert _is_notified(world, execution), f"{what}: {name} ended {execution.error!r}, and nobody is notified"
    for record in world.deployments():
        ran = [name for name in world.by_name if name.startswith(record.id)]
        assert len(ran) <= MOST_EXECUTIONS, f"{what}: {ran}"
        settled = record.state.final or world.open(record)
        assert settled, f"{what}: {record.id} is {record.state}, {record.reason}; nobody is asked"
        assert world.notices(record), f"{what}: {record.id} is {record.state}, and nobody is notified"
    states = world.memory.dispatcher.targets(CLUSTER)
    serving = sum(state in (TargetState.HEALTHY, TargetState.TEST_GROUP) for state in states.values())
    assert serving >= HOSTS - 1, f"{what}: {states}"


def _is_notified(world: StepFunctions, execution: FailingExecution) -> bool:
    """Return whether the execution has a deployment with a record, or its own end says what happened.

    Where the plan and the record of its failure both break, nothing but the execution's own failure is left. So it
    is where the plan claims a result that it has not.
    """
    if world.failing.failed.keys() >= {"Plan", "PlanLost"} or _lies(world.failing.states.get("Plan")):
        return not execution.running
    if execution.definition is delivery():
        return not execution.running and bool(execution.output or (execution.error and execution.cause))
    return execution.error == "Refused" or any(execution.name.startswith(each.id) for each in world.deployments())

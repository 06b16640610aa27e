"""A second interpreter of both state machines comes to the same ends as the simulation's own.

The scenarios and the failures are those of test_every_task_fails.py: good and bad versions, test beds, release
commands and pushes. Each task raises, is throttled, never answers, and answers what no state understands.
"""

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from tests.simulation.definition import State
from tests.simulation.failures import ERRORS, START_ERRORS, Failing, Failure
from tests.simulation.machine import QUERY_FAILED
from tests.simulation.second_interpreter.step_functions import MotoStepFunctions
from tests.simulation.step_functions import StepFunctions
from tests.simulation.test_every_task_fails import NAMES, SCENARIOS, TASKS, Scenario

_ANSWERS = tuple(Failure(f"answers {each!r}", instead=each) for each in (None, {"kind": "NONSENSE"}))
# Of the errors that differ in their names alone, one is enough here.
_DIFFERENT = ("raises", "never answers", "works and loses its answer", "is throttled")
# Long enough for a time-out of an execution, and for the tries of convergence.
_HOURS = 3.5


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Keep moto from writing each error of a state machine to the log."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.name)
def test_scenario_ends_alike_on_both_interpreters(scenario: Scenario) -> None:
    _alike(scenario, {}, scenario.name)


@pytest.mark.parametrize("task", [task for _, task in TASKS], ids=NAMES)
def test_task_that_fails_ends_alike_on_both_interpreters(task: State) -> None:
    scenario = next(each for each in SCENARIOS if task.name in each.run(Failing({})).called)
    for failure in _failures(task):
        _alike(scenario, {task.name: failure}, f"{task.name} {failure.name}")


def test_build_that_never_ends_times_the_execution_out_on_both_interpreters() -> None:
    (scenario,) = (each for each in SCENARIOS if each.name == "a push")
    running = {"CheckBuild": Failure("runs for ever", instead={"kind": "RUNNING"})}
    own, other = _both(scenario, running)
    assert {each.error for world in (own, other) for each in world.by_name.values()} == {"States.Timeout"}
    assert other.called["CheckBuild"] == pytest.approx(own.called["CheckBuild"], rel=0.01)


@pytest.mark.parametrize("task", [task for _, task in TASKS], ids=NAMES)
def test_task_that_fails_twice_ends_alike_on_both_interpreters(task: State) -> None:
    scenario = next(each for each in SCENARIOS if task.name in each.run(Failing({})).called)
    throttled = (START_ERRORS if task.resource == "states:startExecution" else ERRORS)[-1]
    _alike(scenario, {task.name: throttled}, f"{task.name} fails twice", times=2)


def _failures(task: State) -> tuple[Failure, ...]:
    if task.resource == "states:startExecution":
        return START_ERRORS
    return (*(each for each in ERRORS if each.name in _DIFFERENT), *_ANSWERS)


def _alike(scenario: Scenario, broken: dict[str, Failure], what: str, times: int | None = None) -> None:
    own, other = _both(scenario, broken, times)
    assert _ends(other) == _ends(own), what


def _both(
    scenario: Scenario, broken: dict[str, Failure], times: int | None = None
) -> tuple[StepFunctions, StepFunctions]:
    """Run a scenario on the simulation's own interpreter, and on moto's."""
    own = scenario.run(Failing(broken, times), hours=_HOURS)
    return own, scenario.run(Failing(broken, times), hours=_HOURS, interpreter=MotoStepFunctions)


def _ends(world: StepFunctions) -> dict[str, Any]:
    """Return what both interpreters must agree on: how executions end, what is on record, and what was called."""
    deployments = world.deployments()
    return {
        "executions": {name: _end(each) for name, each in world.by_name.items()},
        "deployments": sorted((each.id, each.state, each.reason) for each in deployments),
        "asked": sorted((each.id, q.host, q.attempt) for each in deployments for q in world.open(each)),
        "attempts": sorted(
            (a.deployment, a.host, a.number, a.state)
            for each in deployments
            for a in world.memory.deployments.attempts(each.id)
        ),
        "rotation": dict(world.machine.context.dispatcher.targets(world.machine.cluster)),
        "called": world.called,
    }


def _end(execution: Any) -> tuple[Any, ...]:
    """Return the end of an execution with the number of its history's events, or the state in which it waits.

    Nobody has documented how many events a failed query adds.
    """
    if execution.running:
        return ("RUNNING", execution.at)
    return (execution.error, execution.output, 0 if execution.error == QUERY_FAILED else execution.events)

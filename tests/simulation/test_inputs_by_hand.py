"""Executions that somebody starts by hand: a wrong input is refused once, in words, and leaves nothing behind."""

from collections.abc import Mapping
from typing import Any

import pytest

from lifecycle.domain.errors import LifecycleError
from lifecycle.domain.rollout.lease import Lease
from lifecycle.entrypoints.events import RequestDeployment
from lifecycle.entrypoints.handler import parse
from tests.simulation.definition import delivery, rollout
from tests.simulation.failures import Failing
from tests.simulation.functions import FUNCTIONS
from tests.simulation.step_functions import StepFunctions
from tests.simulation.test_every_task_fails import PUSH
from tests.support.rollout import CLUSTER, Machine

REQUEST = {
    "deployment": "hello-production-20261123120000-ab12",
    "service": "hello",
    "environment": "production",
    "version": "1.0.1",
    "requested_by": "ada",
}
MISSING = object()
HUGE = "x" * 200_000
NO_TEXT: tuple[Any, ...] = ("", None, 7, True, [], {}, ["x"], HUGE, MISSING, "\ud800")
DEPLOYMENTS = (
    *NO_TEXT, "hello", "hello-production-1-ab", "hello-staging-20261123120000-ab12", "../x", "a b",
    "other-production-20261123120000-ab12", "hello-production-20261123120000-" + "a" * 60,
    "hello-production-20261123120000-ab12\n", "hello-production-20261123120000-ab-12",
)  # fmt: skip
FORGED: dict[str, tuple[Any, ...]] = {
    "deployment": DEPLOYMENTS,
    "kind": ("DEPLOY", "CONVERGE", "ROLLBACK", "UNDO", None),
    "requested_by": ("schedule", "lifecycle", "grace"),
    "only": (["host-1"], 7),
    "service": ("other", None),
}
WRONG: dict[str, tuple[Any, ...]] = {
    "deployment": DEPLOYMENTS,
    "service": (*NO_TEXT, "Hello", "other", "a" * 25, "hel lo"),
    "environment": (*NO_TEXT, "prod", "staging"),
    "version": (*NO_TEXT, "latest", "1.0", "../1.0.1", "01.0.0", "1.0.1\n"),
    "requested_by": (*NO_TEXT, "   ", "x" * 201),
    "reason": (None, 7, []),
    "kind": ("", None, "UNDO", 7, []),
    "rollback_of": ("", 7, "hello", "other-production-20261123120000-ab12"),
    "overrides": ("FREEZE", ["SLEEP"], [None], ["FREEZE"] * 9, 7),
    "only": ("host-1", [""], ["a/b"], [7], ["x" * 64], ["h"] * 5_001),
    "more": ("x", None, {}),
    HUGE[:1_000]: (1,),
}  # fmt: skip
WRONG_PUSH: dict[str, tuple[Any, ...]] = {
    "repository": (*NO_TEXT, "-oops", "git@example.test:hello", "https://a b"),
    "name": NO_TEXT,
    "commit": (*NO_TEXT, "a" * 39, "A" * 40, "main"),
    "branch": (*NO_TEXT, "--upload-pack=x", "a b"),
    "pusher": (None, 7, HUGE),
    "delivery": (None, 7, HUGE),
    "more": ("x",),
}
REFUSED = (
    "the event is not valid: ", "the input names no deployment: ", "no request for ", "the execution ",
)  # fmt: skip
NO_OBJECTS: tuple[Any, ...] = (None, "", "text", 7, True, [], [REQUEST], {}, {"warm": True})


def _cases(right: Mapping[str, Any], wrong: Mapping[str, tuple[Any, ...]]) -> list[Any]:
    found: list[Any] = list(NO_OBJECTS)
    for name, values in wrong.items():
        for value in values:
            given = {**right, name: value}
            found.append({n: v for n, v in given.items() if v is not MISSING})
    return found


def _world() -> StepFunctions:
    machine = Machine(2)
    machine.memory.clock.sleep(1)
    return StepFunctions(machine, Failing({}))


def _is_refused_once(world: StepFunctions, task: str) -> None:
    (execution,) = world.by_name.values()
    assert (execution.running, execution.error) == (False, "Refused")
    assert execution.cause.startswith(REFUSED)
    assert len(execution.cause) < 3_000
    assert world.called == {task: 1}


@pytest.mark.parametrize("given", _cases(REQUEST, FORGED), ids=lambda each: repr(each)[-60:])
def test_input_without_a_recorded_request_is_refused_once_and_takes_no_lease(given: Any) -> None:
    for name in {"by-hand", REQUEST["deployment"]}:
        _is_refused(name, given)


def _is_refused(name: str, given: Any) -> None:
    world = _world()
    world.start(name, given, rollout())
    world.run(0.1)
    _is_refused_once(world, "Plan")
    assert world.memory.leases.current(CLUSTER) == Lease()
    assert world.memory.deployments.recent(CLUSTER, 9) == []


@pytest.mark.parametrize("given", _cases(PUSH, WRONG_PUSH), ids=lambda each: repr(each)[-60:])
def test_wrong_input_of_a_delivery_is_refused_once_and_builds_nothing(given: Any) -> None:
    world = _world()
    world.start("by-hand", given, delivery())
    world.run(0.1)
    _is_refused_once(world, "StartBuild")
    assert world.builds.started == []


@pytest.mark.parametrize("given", _cases(REQUEST, WRONG), ids=lambda each: repr(each)[-60:])
def test_wrong_request_is_refused_in_words_and_not_recorded(given: Any) -> None:
    machine = Machine(2)
    if given == {"warm": True}:
        return
    with pytest.raises(LifecycleError) as refused:
        FUNCTIONS["request"](machine.context, parse(RequestDeployment, given).model_dump())
    assert str(refused.value).startswith(("the event is not valid: ", "the request for ", "environment", "service"))
    assert len(str(refused.value)) < 3_000
    assert machine.memory.requests.find(REQUEST["deployment"]) is None


def test_right_inputs_are_taken() -> None:
    world = _world()
    asked = {**REQUEST, "reason": "x" * 5_000, "rollback_of": None, "overrides": ["FREEZE"]}
    FUNCTIONS["request"](world.machine.context, asked)
    world.start(REQUEST["deployment"], {"deployment": REQUEST["deployment"]}, rollout())
    world.run(0.1)
    assert world.memory.deployments.recent(CLUSTER, 9)[0].id == REQUEST["deployment"]

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from apps.local.errors import LaptopError
from tools.cost.definition import read
from tools.cost.history import Invocation, invocations

BEGIN = datetime(2026, 11, 27, 9, 0, tzinfo=UTC)


def function(phase: str, following: str = "") -> dict[str, Any]:
    state = {"Type": "Task", "Arguments": {"FunctionName": f"${{{phase}}}"}}
    return {**state, "Next": following} if following else {**state, "End": True}


MACHINE = read(
    {
        "States": {
            "NextStep": function("next_step", "Step"),
            "Step": {"Type": "Choice"},
            "UpdateHosts": {
                "Type": "Map",
                "ItemProcessor": {
                    "StartAt": "Drain",
                    "States": {"Drain": function("drain", "Install"), "Install": function("install")},
                },
            },
            "StartRollback": {"Type": "Task", "Arguments": {"StateMachineArn": "${rollout}"}},
        }
    }
)


def timed(*kinds: str | tuple[str, str]) -> list[dict[str, Any]]:
    """Return events a tenth of a second apart; a pair is a state that was entered, with its name."""

    def events() -> Iterator[dict[str, Any]]:
        for number, kind in enumerate(kinds):
            at = {"timestamp": BEGIN + timedelta(seconds=number / 10)}
            if isinstance(kind, tuple):
                yield {"type": kind[0], "stateEnteredEventDetails": {"name": kind[1]}, **at}
            else:
                yield {"type": kind, **at}

    return list(events())


TASK = ("TaskScheduled", "TaskSucceeded")


def test_path_of_a_host_is_the_next_step_and_each_stage() -> None:
    assert MACHINE.host == ("NextStep", "Step", "UpdateHosts", "Drain", "Install")
    assert MACHINE.host_phases == ("next_step", "drain", "install")


def test_task_that_calls_no_phase_has_no_phase() -> None:
    assert "StartRollback" not in MACHINE.phases


def test_task_of_a_state_is_its_phases() -> None:
    events = timed(("TaskStateEntered", "NextStep"), *TASK)
    assert invocations(events, MACHINE) == [Invocation("next_step", 0.1)]


def test_tasks_of_a_map_without_states_are_the_stages_in_order() -> None:
    events = timed("MapStateEntered", *TASK, *TASK, "MapStateExited")
    assert [call.phase for call in invocations(events, MACHINE)] == ["drain", "install"]


def test_tasks_of_a_map_with_states_have_their_names() -> None:
    events = timed("MapStateEntered", ("TaskStateEntered", "Drain"), *TASK, ("TaskStateEntered", "Install"), *TASK)
    assert [call.phase for call in invocations(events, MACHINE)] == ["drain", "install"]


def test_repeated_task_is_billed_each_time() -> None:
    events = timed(("TaskStateEntered", "NextStep"), "TaskScheduled", "TaskFailed", *TASK)
    assert [call.phase for call in invocations(events, MACHINE)] == ["next_step", "next_step"]


def test_task_that_never_ended_is_not_counted() -> None:
    assert invocations(timed(("TaskStateEntered", "NextStep"), "TaskScheduled", "ExecutionAborted"), MACHINE) == []


def test_hosts_at_the_same_time_are_refused() -> None:
    with pytest.raises(LaptopError, match="max_unavailable = 1"):
        invocations(timed("MapStateEntered", "TaskScheduled", "TaskScheduled"), MACHINE)

"""The build of a delivery, as its history names it: that of the last StartBuild which started one."""

import json
from typing import Any

import pytest

from apps.cli.aws import StepRuns
from lifecycle.gateways.aws.executions import StepFunctionsExecutions

MACHINE = "arn:aws:states:eu-central-1:000000000000:stateMachine:lifecycle-delivery"
RUN = "hello-" + "a" * 40
STARTED, FULL, BUILT = ({"kind": kind, "build": ""} for kind in ("STARTED", "WAIT", "BUILT"))


class States:
    """A client of Step Functions whose execution has these events; it answers page by page."""

    def __init__(self, events: list[dict[str, Any]]) -> None:
        self._events = events

    def get_execution_history(self, **asked: Any) -> dict[str, Any]:
        first = int(asked.get("nextToken", 0))
        ordered = self._events[::-1] if asked.get("reverseOrder") else self._events
        until = first + int(asked["maxResults"])
        more = {"nextToken": str(until)} if until < len(ordered) else {}
        return {"events": ordered[first:until], **more}


def _step(name: str, output: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the events of a state that calls a function."""
    others = [{"type": "TaskScheduled"}, {"type": "TaskStarted"}, {"type": "TaskSucceeded"}]
    entered = {"type": "TaskStateEntered", "stateEnteredEventDetails": {"name": name}}
    exited = {"type": "TaskStateExited", "stateExitedEventDetails": {"name": name, "output": json.dumps(output)}}
    return [entered, *others, exited]


def _found(events: list[dict[str, Any]]) -> tuple[str, str]:
    """Return the build as the cancellation of a run reads it, and as the commands do."""
    states = States(events)
    return StepFunctionsExecutions(states, MACHINE, MACHINE).build_of(RUN), StepRuns(states, MACHINE, MACHINE).build(
        RUN
    )


@pytest.mark.parametrize("turns", [1, 180])
def test_build_of_a_run_that_waited_for_its_turn_is_found(turns: int) -> None:
    waits = _step("StartBuild", FULL) * turns
    started = _step("StartBuild", STARTED | {"build": "lifecycle-build:1"})
    checks = _step("CheckBuild", {"kind": "RUNNING"}) * 500
    assert _found([*waits, *started, *checks]) == ("lifecycle-build:1", "lifecycle-build:1")


def test_build_that_took_the_place_of_a_gone_snapshot_is_found() -> None:
    again = _step("StartBuild", STARTED | {"build": "lifecycle-build:2"})
    gone = [*_step("StartBuild", BUILT), *_step("RecordSnapshot", {"kind": "GONE"})]
    assert _found([*gone, *again]) == ("lifecycle-build:2", "lifecycle-build:2")


def test_run_that_waits_has_no_build() -> None:
    assert _found(_step("StartBuild", FULL) * 3) == ("", "")

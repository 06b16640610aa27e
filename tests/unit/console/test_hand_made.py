"""The console shows what a person changed beside Lifecycle."""

from dataclasses import replace
from datetime import UTC, datetime

from lifecycle.domain.rollout.execution import ExecutionEnd, ExecutionState
from tests.support.rollout import CLUSTER
from tests.unit.console.desk import Desk


def test_widgets_say_that_an_execution_was_stopped_by_hand(desk: Desk) -> None:
    name = desk.halted()
    at = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
    desk.machine.memory.executions.ends[name] = ExecutionEnd(ExecutionState.STOPPED, at, "wrong version")
    for view in ("clusters", "deployment"):
        assert f"its execution {name} was stopped by hand at 2026-11-23 12:30:00 UTC" in desk.see(view).text, view
    assert "stopped by hand" in desk.see("pipeline").text


def test_hosts_say_that_the_desired_version_is_nobodys(desk: Desk) -> None:
    registry = desk.machine.memory.registry
    found = registry.desired(CLUSTER)
    assert found is not None
    registry.set_desired(CLUSTER, replace(found, version="1.0.1"))
    assert "desired is nobody's: version 1.0.1" in desk.see("clusters").text

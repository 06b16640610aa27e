"""status shows at once what a person changed beside Lifecycle, with the commands that mend it."""

from dataclasses import replace
from datetime import UTC, datetime

from apps.cli.ports import Run
from lifecycle.domain.errors import CallFailed
from lifecycle.domain.fleet.target_group import TargetState
from lifecycle.domain.rollout.execution import ExecutionEnd, ExecutionState
from tests.support.rollout import CLUSTER
from tests.unit.cli.conftest import Desk

AT = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)


def test_status_says_that_an_execution_was_stopped_by_hand(desk: Desk) -> None:
    name = desk.halted()
    desk.executions.ends[name] = ExecutionEnd(ExecutionState.STOPPED, AT, "wrong version")
    output = desk.type("status hello").stdout
    assert f"{name}: 1.0.1, stopped by hand, since" in output
    assert f"its execution {name} was stopped by hand at 2026-11-23 12:30:00 UTC: wrong version" in output
    assert "lifecycle converge hello" in output
    [cluster] = desk.facts("status")["clusters"]
    assert "stopped by hand" in cluster["interrupted"]


def test_status_says_that_an_execution_failed(desk: Desk) -> None:
    name = desk.halted()
    desk.executions.ends[name] = ExecutionEnd(ExecutionState.ENDED, AT, "States.Runtime: no")
    output = desk.type("status").stdout
    assert "interrupted" in output
    assert f"its execution {name} failed at 2026-11-23 12:30:00 UTC: States.Runtime: no" in output


def test_status_of_a_throttled_call_shows_the_record(desk: Desk) -> None:
    name = desk.halted()

    def throttled(_name: str) -> None:
        raise CallFailed(
            "AWS is throttling", service="Step Functions", operation="DescribeExecution", code="", temporary=True
        )

    desk.executions.rollout_end = throttled  # type: ignore[method-assign,assignment]
    assert f"{name}: 1.0.1, HALTED" in desk.type("status").stdout


def test_status_reads_no_execution_of_a_cluster_at_rest(desk: Desk) -> None:
    desk.executions.rollout_end = None  # type: ignore[assignment]
    assert desk.type("status").exit_code == 0


def test_status_shows_a_desired_version_that_is_nobodys_with_the_commands(desk: Desk) -> None:
    registry = desk.machine.memory.registry
    found = registry.desired(CLUSTER)
    assert found is not None
    registry.set_desired(CLUSTER, replace(found, version="1.0.1"))
    output = desk.type("status hello").stdout
    assert "production/hello: desired is nobody's: version 1.0.1" in output
    assert "to restore it: lifecycle deploy hello 1.0.0 --environment production" in output
    assert "to take it over: lifecycle deploy hello 1.0.1 --environment production" in output
    [cluster] = desk.facts("status")["clusters"]
    assert "nobody's" in cluster["desired_problem"]
    assert "drift" not in desk.type("hosts hello").stdout


def test_restoring_command_restores(desk: Desk) -> None:
    desk.machine.memory.registry._desired.pop(CLUSTER)
    assert "its parameter was deleted" in desk.type("status").stdout
    assert "this deployment takes over" in desk.type("plan hello 1.0.0").stdout
    assert desk.type("deploy hello 1.0.0 --environment production --yes").exit_code == 0
    assert "nobody's" not in desk.type("status").stdout


def test_status_shows_a_target_that_no_host_reports(desk: Desk) -> None:
    desk.machine.memory.dispatcher.states[CLUSTER]["10.9.9.9"] = TargetState.HEALTHY
    shown = desk.type("status").stdout
    assert "10.9.9.9:8080 is a target of no known host" in shown
    assert "4 of 4, and 1 of no host" in shown
    facts = desk.facts("status")["clusters"][0]
    assert (facts["unknown_targets"], facts["unknown_targets_healthy"]) == (["10.9.9.9:8080"], 1)


def test_watch_waits_until_convergence_has_closed_a_stopped_deployment(desk: Desk) -> None:
    machine = desk.machine
    machine.stop_at = "UPDATE_HOSTS"
    name = machine.deploy("1.0.1")
    desk.runs.fixed[name] = Run(name, "ABORTED", AT, AT, cause="wrong version")
    machine.memory.executions.stopped.add(name)
    desk.executions.stopped.add(name)
    desk.at_tick(
        5,
        lambda: desk.functions.call(
            "repair", {"service": "hello", "environment": "production", "requested_by": "ada"}
        ),
    )
    done = desk.type(f"watch {name}")
    assert done.exit_code == 1
    assert f"{name}: ABORTED: its execution {name} was stopped by hand" in done.stdout
    assert "LOST" not in done.stdout

"""The end of an execution starts convergence of its cluster within seconds, and never in a loop."""

import json
from dataclasses import replace
from typing import Any

import pytest

from lifecycle.application.convergence.converge import Result, converge_all
from lifecycle.domain.convergence.ended_execution import SHORT, EndedExecution, left_to_schedule
from lifecycle.domain.errors import InvalidEvent, InvalidName
from lifecycle.domain.fleet.host import AgentStage
from lifecycle.domain.fleet.host_command import Order
from lifecycle.domain.rollout.deployment import DeploymentState
from lifecycle.domain.rollout.execution import ExecutionState
from lifecycle.domain.rollout.queue import StartPending
from lifecycle.entrypoints.events import Converge
from lifecycle.entrypoints.handler import parse
from tests.support.rollout import CLUSTER, Machine

NAME = "hello-production-20261123120000-ab12"


def event(name: str, given: object, seconds: float = 60.0, status: str = "ABORTED") -> dict[str, Any]:
    """Return the event as EventBridge passes it on."""
    began = 1_795_000_000_000
    return {
        "version": "0",
        "source": "aws.states",
        "detail-type": "Step Functions Execution Status Change",
        "detail": {
            "name": name,
            "status": status,
            "stateMachineArn": "arn:aws:states:eu-central-1:000000000000:stateMachine:lifecycle-rollout",
            "startDate": began,
            "stopDate": began + int(seconds * 1000),
            "input": None if given is None else json.dumps(given),
            "inputDetails": {"included": given is not None},
        },
    }


INPUT = {"service": "hello", "environment": "production", "deployment": NAME}


def converge(machine: Machine, name: str, seconds: float = 60.0, given: object = INPUT) -> Result:
    asked = parse(Converge, event(name, given, seconds))
    machine.memory.clock.sleep(1)
    return converge_all(machine.context, "abcd", asked.requested_by, asked.only(), asked.ended())[0]


@pytest.fixture
def halted() -> tuple[Machine, str]:
    """A halted deployment whose execution has ended."""
    machine = Machine()
    machine.deploy("1.0.0")
    machine.host("host-4").breaks["1.0.1"] = AgentStage.SELF_TESTING
    return machine, machine.deploy("1.0.1")


def test_execution_stopped_by_hand_closes_its_deployment(halted: tuple[Machine, str]) -> None:
    machine, name = halted
    machine.memory.executions.stopped.add(name)
    assert converge(machine, name).kind == "ABORTED"
    assert machine.record(name).state is DeploymentState.ABORTED
    assert "stopped by hand" in machine.record(name).reason
    assert machine.memory.leases.current(CLUSTER).deployment == ""


def set_back_by_a_late_call(machine: Machine, name: str) -> str:
    """Continue a deployment in a second execution, whose record a call of the first one then writes; return it."""
    before = machine.record(name)
    second = f"{name}_2"
    assert converge(machine, name).kind == "RESUME"
    assert machine.record(name).execution == second
    machine.memory.deployments.put(before)
    return second


def test_second_execution_that_was_stopped_by_hand_is_not_followed_by_a_third(halted: tuple[Machine, str]) -> None:
    """Found by simulation: a call of the first one, which hung meanwhile, had written its name to the record."""
    machine, name = halted
    second = set_back_by_a_late_call(machine, name)
    machine.memory.executions.stopped.add(second)
    assert converge(machine, second).kind == "ABORTED"
    assert f"{name}_3" not in machine.memory.executions.rollouts
    assert machine.record(name).state is DeploymentState.ABORTED


def test_second_execution_that_runs_is_left_alone(halted: tuple[Machine, str]) -> None:
    machine, name = halted
    second = set_back_by_a_late_call(machine, name)
    assert machine.memory.executions.rollout_state(second) is ExecutionState.RUNNING
    converge(machine, name)
    assert machine.record(name).execution == second
    assert f"{name}_3" not in machine.memory.executions.rollouts


def test_second_execution_that_ended_is_followed_by_a_third(halted: tuple[Machine, str]) -> None:
    machine, name = halted
    second = set_back_by_a_late_call(machine, name)
    machine.memory.executions.running.remove(second)
    assert converge(machine, second).kind == "RESUME"
    assert f"{name}_3" in machine.memory.executions.running
    assert machine.record(name).execution == f"{name}_3"


def test_execution_stopped_while_its_plan_had_the_lease_frees_the_lease_and_gives_the_version_back() -> None:
    machine = Machine()
    machine.deploy("1.0.0")
    machine.stop_at = "UPDATE_HOSTS"
    name = machine.deploy("1.0.1")
    record = machine.record(name)
    queued = DeploymentState.QUEUED
    machine.memory.deployments._deployments[CLUSTER, name] = replace(record, epoch=0, state=queued)
    machine.memory.deployments._attempts.clear()
    machine.memory.executions.stopped.add(name)
    assert converge(machine, name).kind == "ABORTED"
    assert machine.memory.leases.current(CLUSTER).deployment == ""
    desired = machine.memory.registry.desired(CLUSTER)
    assert desired is not None
    assert desired.version == "1.0.0"


def test_first_failed_execution_is_continued_at_once(halted: tuple[Machine, str]) -> None:
    machine, name = halted
    machine.memory.executions.rollouts[name] = {}
    assert converge(machine, name, seconds=2).kind == "RESUME"
    assert f"{name}_2" in machine.memory.executions.rollouts


def test_execution_that_fails_at_once_again_is_continued_later(halted: tuple[Machine, str]) -> None:
    machine, name = halted
    machine.memory.executions.rollouts[name] = {}
    converge(machine, name, seconds=2)
    second = f"{name}_2"
    machine.memory.executions.running.discard(second)
    found = converge(machine, second, seconds=2)
    assert (found.kind, "the next one starts at" in found.reason) == ("HOLD", True)
    assert f"{name}_3" not in machine.memory.executions.rollouts


def test_pending_deployment_that_ends_at_once_again_waits_for_the_schedule() -> None:
    machine = Machine()
    machine.begin(machine.request("1.0.0"))
    machine.memory.clock.sleep(1)
    machine.begin(machine.request("1.0.1"))
    pending = machine.memory.queue.waiting(CLUSTER)
    assert pending is not None
    found = StartPending(pending, "its turn")
    assert left_to_schedule(found, EndedExecution("x_2", SHORT / 60))
    assert left_to_schedule(found, EndedExecution("x_2", SHORT)) is None
    assert left_to_schedule(found, EndedExecution("x", SHORT / 60)) is None


def test_refused_repair_is_not_started_again_by_its_own_end() -> None:
    machine = Machine()
    machine.deploy("1.0.0")
    machine.memory.fleet.write_report(CLUSTER, replace(machine.report("host-3"), running=False))
    found = converge(machine, "hello-production-20261123120000-c0de")
    assert (found.kind, machine.memory.executions.rollouts) == ("HOLD", {})
    assert converge_all(machine.context, "abcd", "schedule")[0].kind == "REPAIR"


def test_deleted_record_of_a_running_deployment_frees_its_lease_and_cancels_its_commands(
    halted: tuple[Machine, str],
) -> None:
    machine, name = halted
    machine.memory.executions.rollouts[name] = {}
    machine.memory.deployments._deployments.pop((CLUSTER, name))
    assert converge(machine, name).kind == "FREE_LEASE"
    assert {turn.order for turn in machine.memory.fleet.turns(CLUSTER).values()} == {Order.IDLE}


@pytest.mark.parametrize("given", [None, "", [], {"service": "hello"}, {"service": None, "environment": None}])
def test_cluster_is_read_from_the_name_where_the_input_has_none(given: object) -> None:
    asked = parse(Converge, event(f"{NAME}_3", given))
    assert (asked.only(), asked.execution) == (CLUSTER, f"{NAME}_3")


@pytest.mark.parametrize("name", ["foo", "", "a-b-c-d-e"])
def test_event_of_no_cluster_is_refused_and_never_about_every_cluster(name: str) -> None:
    with pytest.raises((InvalidEvent, InvalidName)):
        parse(Converge, event(name or "x", None)).only()


def test_commands_and_schedules_have_no_execution() -> None:
    assert parse(Converge, {"requested_by": "schedule"}).ended() is None
    assert parse(Converge, {"service": "hello", "environment": "production"}).only() == CLUSTER

"""Two executions of one deployment: the second is refused or ends at its next step, and the deployment goes on."""

from dataclasses import replace

import pytest

from lifecycle.application.rollout.finish import finish
from lifecycle.application.rollout.next_step import decide_next
from lifecycle.application.rollout.plan import begin
from lifecycle.domain.fleet.host import AgentStage
from lifecycle.domain.rollout.deployment import DeploymentState
from lifecycle.domain.rollout.execution import continues
from tests.support.rollout import CLUSTER, Machine


@pytest.fixture
def machine() -> Machine:
    made = Machine()
    made.deploy("1.0.0")
    return made


@pytest.mark.parametrize(
    ("execution", "recorded", "expected"),
    [
        ("d", "d", True),
        ("d_2", "d", True),
        ("d_3", "d_2", True),
        ("d", "d_2", False),
        ("other", "d", False),
        ("other_2", "d", False),
    ],
)
def test_execution_continues_the_one_of_the_record(execution: str, recorded: str, *, expected: bool) -> None:
    assert continues(execution, recorded) is expected


@pytest.mark.parametrize("other", ["by-hand", "hello-production-20261123115900-ab12"])
def test_second_execution_of_a_running_deployment_is_refused_and_changes_nothing(
    machine: Machine, other: str
) -> None:
    machine.host("host-2").breaks["1.0.1"] = AgentStage.SELF_TESTING
    name = machine.deploy("1.0.1")
    before = machine.record(name), machine.memory.leases.current(CLUSTER), machine.memory.registry.desired(CLUSTER)
    planned = begin(machine.context, before[0].request, other)
    assert planned.kind == "REFUSED"
    assert f"{name} is carried by the execution {name}, not by {other}" in planned.reason
    after = machine.record(name), machine.memory.leases.current(CLUSTER), machine.memory.registry.desired(CLUSTER)
    assert after == before


def test_second_execution_of_a_queued_deployment_is_refused(machine: Machine) -> None:
    machine.host("host-2").breaks["1.0.1"] = AgentStage.SELF_TESTING
    machine.deploy("1.0.1")
    queued = machine.deploy("1.0.2")
    assert machine.record(queued).state is DeploymentState.QUEUED
    assert begin(machine.context, machine.record(queued).request, "by-hand").kind == "REFUSED"
    assert machine.record(queued).state is DeploymentState.QUEUED


def test_redriven_execution_ends_at_its_next_step(machine: Machine) -> None:
    """The first execution had failed, convergence continued the deployment, and then somebody redrove the first."""
    machine.host("host-2").breaks["1.0.1"] = AgentStage.SELF_TESTING
    name = machine.deploy("1.0.1")
    assert begin(machine.context, machine.record(name).request, f"{name}_2").kind == "PLANNED"
    step = decide_next(machine.context, CLUSTER, name, name)
    assert (step.kind, step.execution) == ("CONTINUE", f"{name}_2")
    assert machine.record(name).execution == f"{name}_2"
    assert decide_next(machine.context, CLUSTER, name, f"{name}_2").kind == "AWAIT_HUMAN"


def test_two_executions_that_plan_at_once_leave_one(machine: Machine) -> None:
    request = machine.request("1.0.1")
    deployments = machine.memory.deployments
    written = deployments.put

    def other_is_faster(record: object) -> None:
        deployments.put = written  # type: ignore[method-assign]
        assert begin(machine.context, request, "faster").kind == "PLANNED"

    deployments.put = other_is_faster  # type: ignore[method-assign,assignment]
    planned = begin(machine.context, request, request.deployment)
    assert (planned.kind, machine.record(request.deployment).execution) == ("REFUSED", "faster")
    assert machine.memory.leases.current(CLUSTER).deployment == request.deployment


def test_redriven_finish_does_not_close_what_another_execution_carries(machine: Machine) -> None:
    """The first execution chose DONE and its Finish failed; meanwhile the deployment has halted in the second."""
    machine.stop_at = "FINISH"
    name = machine.deploy("1.0.1")
    assert machine.stopped
    assert machine.stopped.outcome == DeploymentState.DONE
    assert begin(machine.context, machine.record(name).request, f"{name}_2").kind == "PLANNED"
    machine.memory.fleet.write_report(CLUSTER, replace(machine.report("host-3"), running=False))
    assert decide_next(machine.context, CLUSTER, name, f"{name}_2").kind == "AWAIT_HUMAN"
    before = machine.record(name), machine.memory.leases.current(CLUSTER), machine.memory.registry.desired(CLUSTER)
    ended = finish(machine.context, CLUSTER, name, DeploymentState.DONE, machine.stopped.reason, name)
    assert (ended.outcome, name in ended.reason) == ("CONTINUED", True)
    after = machine.record(name), machine.memory.leases.current(CLUSTER), machine.memory.registry.desired(CLUSTER)
    assert after == before


@pytest.mark.parametrize("execution", ["", "{}", "{}_2"])
def test_finish_closes_what_its_own_execution_carries(machine: Machine, execution: str) -> None:
    machine.stop_at = "FINISH"
    name = machine.deploy("1.0.1")
    ended = finish(machine.context, CLUSTER, name, DeploymentState.DONE, "all serve", execution.format(name))
    assert (ended.outcome, machine.record(name).state) == ("DONE", DeploymentState.DONE)


@pytest.mark.parametrize("stopped", [True, False])
def test_late_call_of_an_execution_that_has_ended_begins_nothing(machine: Machine, *, stopped: bool) -> None:
    """Found by the simulation: nothing would carry on what it began, and convergence would resume it."""
    request, executions = machine.request("1.0.1"), machine.memory.executions
    name = request.deployment
    executions.rollouts[name] = {}
    executions.stopped |= {name} if stopped else set()
    before = machine.memory.leases.current(CLUSTER)
    planned = machine.begin(request)
    assert (planned.kind, planned.reason) == ("REFUSED", f"the execution {name} has ended, so it begins nothing")
    assert machine.memory.leases.current(CLUSTER) == before
    assert machine.context.deployments.get(CLUSTER, name) is None
    executions.stopped.clear()
    executions.running.add(name)
    assert machine.begin(request).kind == "PLANNED"

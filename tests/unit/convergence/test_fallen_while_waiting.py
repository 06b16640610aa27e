"""A host that falls while its rollout waits for an approval, or is paused, is asked about at once (invariant 33)."""

import pytest

from lifecycle.domain.rollout.decision import Choice, QuestionKind
from lifecycle.domain.rollout.deployment import DeploymentState
from lifecycle.domain.service.policy import ApprovalGate, Policy
from tests.support.converging import converge
from tests.support.rollout import CLUSTER, Machine
from tests.unit.convergence.test_crash_loop import ends


@pytest.mark.parametrize("waits", [DeploymentState.AWAITING_APPROVAL, DeploymentState.PAUSED])
def test_death_of_an_updated_host_is_asked_about_while_the_rollout_waits(waits: DeploymentState) -> None:
    approval = ApprovalGate.AFTER_FIRST_HOST if waits is DeploymentState.AWAITING_APPROVAL else ApprovalGate.NONE
    machine = Machine(policy=Policy(approval=approval, min_alive_seconds=0))
    machine.deploy("1.0.0")
    if approval is ApprovalGate.AFTER_FIRST_HOST:
        machine.approve(machine.memory.deployments.recent(CLUSTER, 1)[0].id, Choice.APPROVE)
        name = machine.deploy("1.0.1")
    else:
        machine.memory.clock.sleep(1)
        request = machine.request("1.0.1")
        name = request.deployment
        machine.begin(request)
        machine.update(name, "host-2", 1)
        machine.tell(name, Choice.PAUSE)
        machine.run(name)
    machine.memory.executions.start_rollout(name, {})
    assert machine.record(name).state is waits
    updated = next(host for host, version in machine.installed().items() if version == "1.0.1")

    waiting = machine.memory.executions.waiting
    waiting |= {each.token for each in machine.memory.deployments.questions(name) if each.token}
    tokens = set(waiting)
    assert tokens
    ends(machine, updated)
    machine.memory.dispatcher.dead.add(machine.host(updated).address)
    machine.memory.clock.sleep(1)
    assert f"{updated} fell after it was updated" in converge(machine, "supervision")[1]
    assert not waiting, "the execution goes on"
    machine.run(name)
    asked = [each for each in machine.memory.deployments.questions(name) if each.host == updated]
    assert [each.kind for each in asked] == [QuestionKind.DECISION]
    waiting |= tokens
    assert "fell" not in converge(machine, "supervision")[1], "it is asked about once"

"""The first host decides on the others: by an approval or a test bed, however often a deployment is begun again."""

from dataclasses import replace

import pytest

from lifecycle.application.rollout.decide import answer_deployment
from lifecycle.application.rollout.plan import preview
from lifecycle.domain.fleet.host import AgentStage
from lifecycle.domain.rollout.decision import Answer, Choice
from lifecycle.domain.rollout.deployment import DeploymentState
from lifecycle.domain.rollout.policy_floor import PolicyFloor
from lifecycle.domain.service.policy import ApprovalGate, Policy
from tests.support.rollout import CLUSTER, Machine

APPROVED = Policy(approval=ApprovalGate.AFTER_FIRST_HOST, approval_by_another=True, min_alive_seconds=0)
FREE = Policy(min_alive_seconds=0)
FLOOR = PolicyFloor("production", approval=ApprovalGate.AFTER_FIRST_HOST, approval_by_another=True)
AGAIN = "has 1.0.1, which no deployment here verified"


def served(policy: Policy) -> Machine:
    machine = Machine(policy=policy)
    name = machine.deploy("1.0.0")
    if not machine.record(name).state.final:
        machine.approve(name, Choice.APPROVE)
    assert machine.record(name).state is DeploymentState.DONE
    return machine


def abort(machine: Machine, name: str) -> None:
    """Pause a deployment, and abort it in the pause."""

    def tell(choice: Choice) -> None:
        answer_deployment(machine.context, CLUSTER, name, Answer(choice, "mallory", "why not", machine.now))

    tell(Choice.PAUSE)
    machine.run(name)
    tell(Choice.ABORT)
    machine.run(name)
    assert machine.record(name).state is DeploymentState.ABORTED


def updated(machine: Machine) -> list[str]:
    return [host for host, version in machine.installed().items() if version == "1.0.1"]


@pytest.mark.parametrize("whose", ["policy", "floor"])
def test_aborted_and_deployed_again_reaches_no_second_host_without_the_approval(whose: str) -> None:
    machine = served(APPROVED if whose == "policy" else FREE)
    if whose == "floor":
        machine.memory.registry.set_floor(FLOOR)
    for _ in range(4):
        name = machine.deploy("1.0.1", requested_by="mallory")
        assert machine.record(name).state is DeploymentState.AWAITING_APPROVAL
        assert updated(machine) == ["host-2"]
        abort(machine, name)
    name = machine.deploy("1.0.1", requested_by="mallory")
    machine.approve(name, Choice.APPROVE)
    assert machine.record(name).state is DeploymentState.DONE
    assert len(updated(machine)) == 4


def test_aborted_bake_begins_again_on_the_same_host() -> None:
    machine = served(FREE)
    machine.memory.registry.set_floor(PolicyFloor("production", bake_minutes=60))
    for _ in range(4):
        machine.stop_at, machine.stopped = "BAKE", None
        name = machine.deploy("1.0.1", requested_by="mallory")
        assert [bed.host for bed in machine.memory.deployments.beds(name)] == ["host-2"]
        assert updated(machine) == ["host-2"]
        machine.stop_at = ""
        abort(machine, name)


def test_plan_says_why_a_host_is_updated_that_has_the_version() -> None:
    machine = served(APPROVED)
    abort(machine, machine.deploy("1.0.1"))
    found = preview(machine.context, machine.request("1.0.1"))
    assert (found.hosts[0].host, found.hosts[0].why) == ("host-2", AGAIN)
    assert found.in_place == ()


def test_one_host_is_updated_before_the_approval_however_many_may_be_out() -> None:
    machine = served(replace(APPROVED, max_unavailable="50%"))
    name = machine.deploy("1.0.1")
    assert len(updated(machine)) == 1
    machine.approve(name, Choice.APPROVE)
    assert len(updated(machine)) == 4


def test_verified_version_is_not_brought_again_to_hosts_that_have_it() -> None:
    machine = served(APPROVED)
    assert preview(machine.context, machine.request("1.0.0")).nothing_to_do


def test_without_a_gate_an_aborted_deployment_goes_on_where_it_was() -> None:
    machine = served(FREE)
    machine.host("host-1").breaks["1.0.1"] = AgentStage.SELF_TESTING
    machine.decide(machine.deploy("1.0.1"), Choice.ABORT, "host-1")
    found = preview(machine.context, machine.request("1.0.1"))
    assert (found.in_place, found.updates_all) == (("host-2",), False)

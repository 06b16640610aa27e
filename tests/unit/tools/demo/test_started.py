"""The demo reports its own deployment, and never that of another one."""

import pytest

from apps.local.errors import LaptopError
from lifecycle.application.rollout.rollback import hand_over
from lifecycle.domain.fleet.host import AgentStage
from lifecycle.domain.rollout.decision import Choice
from lifecycle.domain.rollout.deployment import DeploymentState, Kind
from lifecycle.domain.service.policy import Policy
from tests.support.rollout import CLUSTER, Machine
from tools.demo.started import TOO_BUSY, Started
from tools.demo.test_beds import failed_in_test_bed


@pytest.fixture
def machine() -> Machine:
    made = Machine(hosts=3)
    made.deploy("1.0.0")
    return made


def start(machine: Machine, version: str = "1.0.1") -> Started:
    return Started.begin(machine.context, CLUSTER, version)


def silence(machine: Machine, *hosts: str) -> None:
    for host in hosts:
        machine.host(host).silent = True
    machine.memory.clock.sleep(90)


def test_refused_plan_is_reported_as_refused_though_an_older_deployment_is_the_newest(machine: Machine) -> None:
    started = start(machine)
    assert started.deployment() is None
    assert started.failure() == "1.0.1 was refused and never began: see the blockers above"


def test_plan_that_was_refused_for_unreachable_agents_says_that_the_machine_is_too_busy(machine: Machine) -> None:
    started = start(machine)
    silence(machine, "host-2", "host-3")
    machine.deploy("1.0.1")
    found = started.deployment()
    assert found is not None
    assert found.state is DeploymentState.REFUSED
    assert f"never began: {found.reason}; {TOO_BUSY}: the agents of host-2, host-3" in started.failure()


def test_repair_that_begins_meanwhile_is_not_taken_for_the_demos(machine: Machine) -> None:
    started = start(machine)
    machine.deploy("1.0.0", Kind.CONVERGE)
    assert started.deployment() is None
    name = machine.deploy("1.0.1")
    machine.deploy("1.0.0", Kind.CONVERGE)
    found = started.deployment()
    assert found is not None
    assert (found.id, found.state) == (name, DeploymentState.DONE)


def test_halt_is_reported_with_its_reason(machine: Machine) -> None:
    machine.host("host-1").breaks["1.0.1"] = AgentStage.SELF_TESTING
    started = start(machine)
    name = machine.deploy("1.0.1")
    assert started.failure().startswith(f"{name} is HALTED: ")
    with pytest.raises(LaptopError, match=f"to fail its test bed; {name} is HALTED"):
        failed_in_test_bed(started)


def test_rejected_version_is_no_verdict(machine: Machine) -> None:
    machine.host("host-1").breaks["1.0.1"] = AgentStage.SELF_TESTING
    started = start(machine)
    name = machine.deploy("1.0.1")
    assert started.rollback() is None
    hand_over(machine.context, CLUSTER, name, "rejected")
    assert failed_in_test_bed(started) is False


def test_refused_version_is_no_failed_test_bed_of_the_one_before() -> None:
    """The last deployment had failed its test bed; the next one was refused: that is what is reported."""
    machine = Machine(hosts=3, policy=Policy(bake_minutes=12))
    machine.deploy("1.0.0")
    machine.errors["1.0.1"] = 60
    before = start(machine)
    machine.deploy("1.0.1")
    assert failed_in_test_bed(before)
    started = start(machine, "1.0.2")
    with pytest.raises(LaptopError, match=r"1\.0\.2 was refused and never began"):
        failed_in_test_bed(started)


def test_failed_test_bed_is_a_verdict() -> None:
    machine = Machine(hosts=3, policy=Policy(bake_minutes=12))
    machine.deploy("1.0.0")
    machine.errors["1.0.1"] = 60
    started = start(machine)
    machine.deploy("1.0.1")
    assert failed_in_test_bed(started) is True
    assert Choice.ROLL_BACK in machine.memory.deployments.questions(started.id)[0].choices

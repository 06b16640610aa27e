"""A host that falls ill in the test bed: is it the version, or is the host gone? And what a pause does not stop."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from lifecycle.application.rollout.next_step import decide_next
from lifecycle.domain.rollout.attempt import Blame
from lifecycle.domain.rollout.decision import Choice, Question
from lifecycle.domain.rollout.deployment import DeploymentState
from lifecycle.domain.rollout.test_bed.model import BedState
from lifecycle.domain.service.policy import OnFail, Policy
from tests.support.rollout import CLUSTER, Host, Machine
from tests.unit.rollout.test_bed.conftest import served
from tests.unit.rollout.test_bed.test_course import until, weights


def ill(machine: Machine, name: str) -> Host:
    """The host in the test bed, which the load balancer finds ill from now on."""
    host = machine.host(machine.bed(name).host)
    machine.memory.dispatcher.dead.add(host.address)
    machine.tick()
    return host


def dies(machine: Machine, name: str) -> Host:
    """It is switched off, agent and all."""
    machine.host(machine.bed(name).host).silent = True
    return ill(machine, name)


def states(machine: Machine, name: str) -> list[BedState]:
    return [bed.state for bed in machine.memory.deployments.beds(name)]


def asked(machine: Machine, name: str) -> Question:
    return machine.memory.deployments.questions(name)[-1]


def test_a_machine_that_dies_fails_no_version() -> None:
    machine = served(Policy(bake_minutes=12, on_fail=OnFail.ROLL_BACK))
    name = until(machine, "BAKE")
    host = dies(machine, name)
    machine.run(name)
    assert states(machine, name) == [BedState.CANCELLED]
    assert f"{host.name} has been unreachable since 2026-11-23 12:0" in machine.bed(name).reason
    assert machine.memory.fleet.quarantined(CLUSTER) == {}
    assert (machine.record(name).state, asked(machine, name).host) == (DeploymentState.HALTED, host.name)
    assert "agent silent since" in machine.record(name).reason
    assert asked(machine, name).blame is Blame.NONE
    assert weights(machine) == {"main": 3, "test-bed": 0, "control": 0}


def test_another_host_bakes_when_a_human_leaves_the_dead_one_out(machine: Machine) -> None:
    name = until(machine, "BAKE")
    host = dies(machine, name)
    machine.run(name)
    machine.decide(name, Choice.SKIP_HOST, host.name, 2)
    assert states(machine, name) == [BedState.CANCELLED, BedState.PASSED]
    assert machine.bed(name).host != host.name
    assert (machine.record(name).state, machine.record(name).skipped_hosts) == (
        DeploymentState.DONE,
        (host.name,),
    )


@pytest.mark.parametrize("comes_back", [False, True])
def test_a_dead_host_comes_last_where_the_policy_has_room(*, comes_back: bool) -> None:
    machine = served(Policy(bake_minutes=12, max_unavailable=2))
    name = until(machine, "BAKE")
    host = dies(machine, name)
    if comes_back:
        machine.stop_at = "END_BAKE"
        machine.run(name)
        machine.end_bake(name, machine.stopped)  # type: ignore[arg-type]
        machine.memory.dispatcher.dead.clear()
        host.silent, machine.stop_at = False, ""
        machine.memory.clock.sleep(20)
    machine.run(name)
    assert states(machine, name) == [BedState.CANCELLED, BedState.PASSED]
    if comes_back:
        assert machine.record(name).state is DeploymentState.DONE
        assert machine.serving()[host.name] == "1.0.1"
    else:
        assert f"every other host is done; {host.name}: agent silent since" in machine.record(name).reason


def test_a_host_that_is_ill_is_waited_for_until_its_agent_is_heard_or_silent(machine: Machine) -> None:
    name = until(machine, "BAKE")
    host = dies(machine, name)
    first = decide_next(machine.context, CLUSTER, name, name)
    assert (first.kind, f"is it the version, or {host.name}?" in first.reason) == ("BAKE", True)
    assert decide_next(machine.context, CLUSTER, name, name) == first
    host.silent = False
    machine.memory.clock.sleep(11)
    step = decide_next(machine.context, CLUSTER, name, name)
    assert (step.kind, step.outcome) == ("END_BAKE", BedState.FAILED)


def test_a_host_that_is_well_at_the_next_look_bakes_on(machine: Machine) -> None:
    name = until(machine, "BAKE")
    ill(machine, name)
    machine.bake(name, decide_next(machine.context, CLUSTER, name, name).seconds)
    machine.memory.dispatcher.dead.clear()
    machine.tick()
    step = decide_next(machine.context, CLUSTER, name, name)
    assert (step.kind, "the test bed bakes" in step.reason) == ("BAKE", True)


def test_a_host_whose_agent_says_that_its_service_stopped_has_failed_at_once(machine: Machine) -> None:
    name = until(machine, "BAKE")
    host = ill(machine, name)
    machine._report(host, replace(machine.report(host.name), running=False))
    step = decide_next(machine.context, CLUSTER, name, name)
    assert (step.kind, step.outcome) == ("END_BAKE", BedState.FAILED)
    assert "its service does not run" in step.reason


def test_nothing_is_said_of_a_control_that_was_not_compared(machine: Machine) -> None:
    name = until(machine, "BAKE")
    ill(machine, name)
    machine.run(name)
    assert states(machine, name) == [BedState.FAILED]
    assert asked(machine, name).blame is Blame.UNCLEAR
    assert "did well" not in asked(machine, name).diagnosis


def test_a_verdict_that_fails_counts_although_its_host_died_since(machine: Machine) -> None:
    machine.errors["1.0.1"] = 30
    name = until(machine, "END_BAKE")
    dies(machine, name)
    machine.memory.clock.sleep(60)
    machine.run(name)
    assert states(machine, name) == [BedState.FAILED]
    assert asked(machine, name).blame is Blame.VERSION
    assert "did well" in asked(machine, name).diagnosis


def test_a_version_that_fails_is_taken_out_although_the_rollout_is_paused(machine: Machine) -> None:
    machine.errors["1.0.1"] = 30
    name = until(machine, "END_BAKE")
    machine.tell(name, Choice.PAUSE)
    machine.run(name)
    assert states(machine, name) == [BedState.FAILED]
    assert "1.0.1" not in machine.serving().values()
    assert machine.record(name).state is DeploymentState.HALTED
    machine.decide(name, Choice.RETRY, machine.bed(name).host)
    assert machine.record(name).state is DeploymentState.PAUSED


@pytest.mark.parametrize(("happens", "ends"), [(ill, BedState.FAILED), (dies, BedState.CANCELLED)])
def test_a_host_that_falls_ill_is_taken_out_although_the_rollout_is_paused(
    machine: Machine, happens: Callable[[Machine, str], Host], ends: BedState
) -> None:
    name = until(machine, "BAKE")
    machine.tell(name, Choice.PAUSE)
    happens(machine, name)
    machine.run(name)
    assert states(machine, name) == [ends]


def test_a_pause_stops_everything_else_of_a_bake(machine: Machine) -> None:
    name = until(machine, "BAKE")
    machine.tell(name, Choice.PAUSE)
    machine.run(name)
    assert (machine.record(name).state, states(machine, name)) == (DeploymentState.PAUSED, [BedState.BAKING])

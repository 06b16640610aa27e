"""Hosts that become unhealthy in the test bed: the version or the host may be the cause, also during a pause."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from lifecycle.application.rollout.next_step import decide_next
from lifecycle.domain.rollout.attempt import Blame
from lifecycle.domain.rollout.decision import Choice, Question
from lifecycle.domain.rollout.deployment import DeploymentState
from lifecycle.domain.rollout.test_bed.model import BedState
from lifecycle.domain.service.policy import OnFail, Policy
from tests.support.rollout import CLUSTER, Machine
from tests.support.scripted_host import Host
from tests.unit.rollout.test_bed.conftest import served
from tests.unit.rollout.test_bed.test_schedule import until, weights


def becomes_unhealthy(machine: Machine, name: str) -> Host:
    """Make the load balancer find the test bed's host unhealthy from now on, and return the host."""
    host = machine.host(machine.bed(name).host)
    machine.memory.dispatcher.dead.add(host.address)
    machine.tick()
    return host


def dies(machine: Machine, name: str) -> Host:
    """Switch off the test bed's host with its agent, and return it."""
    machine.host(machine.bed(name).host).silent = True
    return becomes_unhealthy(machine, name)


def states(machine: Machine, name: str) -> list[BedState]:
    return [bed.state for bed in machine.memory.deployments.beds(name)]


def asked(machine: Machine, name: str) -> Question:
    return machine.memory.deployments.questions(name)[-1]


def test_dead_machine_does_not_fail_the_version() -> None:
    machine = served(Policy(bake_minutes=12, on_fail=OnFail.ROLL_BACK))
    name = until(machine, "BAKE")
    host = dies(machine, name)
    machine.run(name)
    assert states(machine, name) == [BedState.CANCELLED]
    assert f"{host.name} has been unreachable since 2026-11-23 12:0" in machine.bed(name).reason
    assert machine.memory.fleet.quarantined(CLUSTER) == {}
    assert (machine.record(name).state, asked(machine, name).host) == (DeploymentState.HALTED, host.name)
    assert "agent unreachable since" in machine.record(name).reason
    assert asked(machine, name).blame is Blame.NONE
    assert weights(machine) == {"main": 3, "test-bed": 0, "control": 0}


def test_another_host_bakes_after_the_dead_one_is_skipped(machine: Machine) -> None:
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
def test_dead_host_comes_last_if_the_policy_has_room(*, comes_back: bool) -> None:
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
        assert f"every other host is done; {host.name}: agent unreachable since" in machine.record(name).reason


def test_bake_waits_for_the_agent_of_an_unhealthy_host(machine: Machine) -> None:
    name = until(machine, "BAKE")
    host = dies(machine, name)
    first = decide_next(machine.context, CLUSTER, name, name)
    assert (first.kind, f"is it the version, or {host.name}?" in first.reason) == ("BAKE", True)
    assert decide_next(machine.context, CLUSTER, name, name) == first
    host.silent = False
    machine.memory.clock.sleep(11)
    step = decide_next(machine.context, CLUSTER, name, name)
    assert (step.kind, step.outcome) == ("END_BAKE", BedState.FAILED)


def test_recovered_host_bakes_longer(machine: Machine) -> None:
    name = until(machine, "BAKE")
    becomes_unhealthy(machine, name)
    machine.bake(name, decide_next(machine.context, CLUSTER, name, name).seconds)
    machine.memory.dispatcher.dead.clear()
    machine.tick()
    step = decide_next(machine.context, CLUSTER, name, name)
    assert (step.kind, "the test bed bakes" in step.reason) == ("BAKE", True)


def test_host_that_reports_a_stopped_service_fails_at_once(machine: Machine) -> None:
    name = until(machine, "BAKE")
    host = becomes_unhealthy(machine, name)
    machine._report(host, replace(machine.report(host.name), running=False))
    step = decide_next(machine.context, CLUSTER, name, name)
    assert (step.kind, step.outcome) == ("END_BAKE", BedState.FAILED)
    assert "its service does not run" in step.reason


def test_diagnosis_without_a_comparison_does_not_mention_the_control(machine: Machine) -> None:
    name = until(machine, "BAKE")
    becomes_unhealthy(machine, name)
    machine.run(name)
    assert states(machine, name) == [BedState.FAILED]
    assert asked(machine, name).blame is Blame.UNCLEAR
    assert "stayed healthy" not in asked(machine, name).diagnosis


def test_fail_verdict_counts_although_its_host_died_since(machine: Machine) -> None:
    machine.errors["1.0.1"] = 30
    name = until(machine, "END_BAKE")
    dies(machine, name)
    machine.memory.clock.sleep(60)
    machine.run(name)
    assert states(machine, name) == [BedState.FAILED]
    assert asked(machine, name).blame is Blame.VERSION
    assert "stayed healthy" in asked(machine, name).diagnosis


def test_failed_version_is_taken_out_during_a_pause(machine: Machine) -> None:
    machine.errors["1.0.1"] = 30
    name = until(machine, "END_BAKE")
    machine.tell(name, Choice.PAUSE)
    machine.run(name)
    assert states(machine, name) == [BedState.FAILED]
    assert "1.0.1" not in machine.serving().values()
    assert machine.record(name).state is DeploymentState.HALTED
    machine.decide(name, Choice.RETRY, machine.bed(name).host)
    assert machine.record(name).state is DeploymentState.PAUSED


@pytest.mark.parametrize(("happens", "ends"), [(becomes_unhealthy, BedState.FAILED), (dies, BedState.CANCELLED)])
def test_unhealthy_host_is_taken_out_during_a_pause(
    machine: Machine, happens: Callable[[Machine, str], Host], ends: BedState
) -> None:
    name = until(machine, "BAKE")
    machine.tell(name, Choice.PAUSE)
    happens(machine, name)
    machine.run(name)
    assert states(machine, name) == [ends]


def test_pause_stops_the_rest_of_a_bake(machine: Machine) -> None:
    name = until(machine, "BAKE")
    machine.tell(name, Choice.PAUSE)
    machine.run(name)
    assert (machine.record(name).state, states(machine, name)) == (DeploymentState.PAUSED, [BedState.BAKING])

"""Diagnosis of a failure: the tries on the failed host, and the text for the human."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from lifecycle.application.rollout.diagnose import diagnose
from lifecycle.application.rollout.next_step import decide_next
from lifecycle.application.rollout.stage_guard import HostTask
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.host import AgentStage
from lifecycle.domain.fleet.host_command import Order
from lifecycle.domain.fleet.target_group import Group, TargetState
from lifecycle.domain.rollout.attempt import AttemptState, Blame, HostAttempt
from lifecycle.domain.rollout.decision import Choice, Question
from lifecycle.domain.rollout.deployment import DeploymentState, Kind
from lifecycle.domain.rollout.diagnosis import can_be_diagnosed
from lifecycle.domain.rollout.lease import Lease
from tests.fakes.dispatcher import MemoryDispatcher
from tests.support.rollout import CLUSTER, Machine

# The host is out of rotation and has not been alive in this attempt.
BEHIND_THE_DRAIN = {
    *(AttemptState.DRAINED, AttemptState.INSTALLED),
    *(AttemptState.SELF_TESTED, AttemptState.REGISTERED),
}


def attempt(machine: Machine, name: str, number: int = 1) -> HostAttempt:
    return next(a for a in machine.memory.deployments.attempts(name) if a.host == "host-2" and a.number == number)


def question(machine: Machine, name: str) -> Question:
    return machine.memory.deployments.questions(name)[-1]


@pytest.mark.parametrize("stage", [AgentStage.INSTALLING, AgentStage.SELF_TESTING])
def test_version_is_to_blame_if_the_previous_one_passes_on_the_host(machine: Machine, stage: AgentStage) -> None:
    machine.host("host-2").breaks["1.0.1"] = stage
    name = machine.deploy("1.0.1")
    asked = question(machine, name)
    assert (asked.blame, attempt(machine, name).blame) == (Blame.VERSION, Blame.VERSION)
    assert "host-2 passes its self-test with 1.0.0" in asked.diagnosis
    assert machine.report("host-2").installed == "1.0.0"
    assert machine.memory.fleet.quarantined_hosts(CLUSTER) == {}


def test_host_is_to_blame_if_the_previous_version_fails_there_too(machine: Machine) -> None:
    machine.host("host-2").breaks.update({"1.0.1": AgentStage.SELF_TESTING, "1.0.0": AgentStage.SELF_TESTING})
    name = machine.deploy("1.0.1")
    assert question(machine, name).blame is Blame.HOST
    assert "fails with 1.0.0 too" in machine.memory.fleet.quarantined_hosts(CLUSTER)["host-2"]
    assert machine.record(name).state is DeploymentState.HALTED


def test_host_is_not_to_blame_for_a_fault_that_all_hosts_share(machine: Machine) -> None:
    for host in machine.hosts:
        host.breaks.update({"1.0.1": AgentStage.SELF_TESTING, "1.0.0": AgentStage.SELF_TESTING})
        machine.memory.dispatcher.dead.add(host.address)
    machine.memory.clock.sleep(1)
    asked = question(machine, machine.deploy("1.0.1"))
    assert asked.blame is Blame.UNCLEAR
    assert "host-1, host-3, host-4 are unhealthy while their services run unchanged" in asked.diagnosis
    assert machine.memory.fleet.quarantined_hosts(CLUSTER) == {}


@pytest.mark.parametrize(("left_by", "blame"), [("1.0.1", Blame.VERSION), ("1.0.0", Blame.UNCLEAR)])
def test_host_is_not_to_blame_for_a_process_that_a_version_left(machine: Machine, left_by: str, blame: Blame) -> None:
    machine.host("host-2").breaks["1.0.1"] = AgentStage.STARTING
    machine.host("host-2").leaves = left_by
    asked = question(machine, machine.deploy("1.0.1"))
    assert asked.blame is blame
    assert "1.0.0 was not started on host-2: pid 41 did not end" in asked.diagnosis
    assert machine.memory.fleet.quarantined_hosts(CLUSTER) == {}


def test_rollback_says_that_a_quarantined_host_stays_as_it_is(machine: Machine) -> None:
    machine.host("host-1").breaks.update({"1.0.1": AgentStage.SELF_TESTING, "1.0.0": AgentStage.SELF_TESTING})
    name = machine.deploy("1.0.1")
    promised = question(machine, name).effects[Choice.ROLL_BACK]
    assert promised == "roll host-2 back to 1.0.0; host-1 is quarantined and stays as it is; 1.0.1 is quarantined"
    machine.decide(name, Choice.ROLL_BACK, "host-1")
    newest = machine.memory.deployments.recent(CLUSTER, 1)[0]
    assert [each for each in machine.memory.deployments.attempts(newest.id) if each.host == "host-1"] == []
    assert (newest.state, "; quarantined, and left as it is: host-1" in newest.reason) == (DeploymentState.DONE, True)


def test_rollback_of_a_quarantined_host_alone_changes_no_host(machine: Machine) -> None:
    machine.host("host-2").breaks.update({"1.0.1": AgentStage.SELF_TESTING, "1.0.0": AgentStage.SELF_TESTING})
    promised = question(machine, machine.deploy("1.0.1")).effects[Choice.ROLL_BACK]
    assert promised.startswith("every other host has 1.0.0; host-2 is quarantined and stays as it is")


@pytest.mark.parametrize("bad", [True, False])
def test_diagnosed_host_stays_out_of_rotation(machine: Machine, bad: bool) -> None:  # noqa: FBT001
    machine.host("host-2").breaks["1.0.1"] = AgentStage.SELF_TESTING
    if bad:
        machine.host("host-2").breaks["1.0.0"] = AgentStage.SELF_TESTING
    machine.deploy("1.0.1")
    assert "host-2" not in machine.serving()


def test_host_that_was_never_drained_is_not_diagnosed(machine: Machine) -> None:
    machine.host("host-2").breaks["1.0.1"] = AgentStage.FETCHING
    name = machine.deploy("1.0.1")
    assert question(machine, name).blame is Blame.NONE
    assert machine.host("host-2").boots == 1


def test_failure_behind_the_load_balancer_is_unclear(machine: Machine) -> None:
    machine.memory.dispatcher.dead.add(machine.host("host-2").address)
    name = machine.deploy("1.0.1")
    assert question(machine, name).blame is Blame.UNCLEAR
    assert "what failed came after the self-test" in question(machine, name).diagnosis


def test_first_version_of_a_cluster_is_not_diagnosed() -> None:
    machine = Machine()
    machine.host("host-2").breaks["1.0.0"] = AgentStage.SELF_TESTING
    name = machine.deploy("1.0.0")
    assert question(machine, name).blame is Blame.NONE


def test_failed_rollback_is_not_diagnosed(machine: Machine) -> None:
    machine.host("host-1").breaks["1.0.1"] = machine.host("host-2").breaks["1.0.0"] = AgentStage.SELF_TESTING
    machine.decide(machine.deploy("1.0.1"), Choice.ROLL_BACK, "host-1")
    newest = machine.memory.deployments.recent(CLUSTER, 1)[0]
    assert newest.request.kind is Kind.ROLLBACK
    assert question(machine, newest.id).blame is Blame.NONE


def test_host_in_rotation_is_not_diagnosed(machine: Machine) -> None:
    name, task = failed(machine)
    machine.memory.dispatcher.states[CLUSTER][machine.host("host-2").address] = TargetState.HEALTHY
    boots = machine.host("host-2").boots
    assert "so nothing was tried" in diagnose(machine.context, task).reason
    assert machine.host("host-2").boots == boots
    assert attempt(machine, name).blame is Blame.UNCLEAR


def test_fenced_diagnosis_changes_nothing(machine: Machine) -> None:
    name, task = failed(machine)
    lease = machine.memory.leases.current(CLUSTER)
    machine.memory.leases.hand_over(CLUSTER, lease, "another", machine.now)
    assert diagnose(machine.context, task).outcome == "STALE"
    turn = machine.memory.fleet.turn(CLUSTER, "host-2")
    assert turn is not None
    assert turn.order is not Order.RESTORE
    assert attempt(machine, name).blame is Blame.NONE


def test_repeated_diagnosis_changes_nothing(machine: Machine) -> None:
    name, task = failed(machine)
    first = diagnose(machine.context, task)
    boots = machine.host("host-2").boots
    assert first.outcome == "PASSED"
    assert diagnose(machine.context, task).outcome == "SKIPPED"
    assert machine.host("host-2").boots == boots
    assert attempt(machine, name).blame is Blame.VERSION


def test_host_unreachable_during_diagnosis_is_unclear(machine: Machine) -> None:
    name, task = failed(machine)
    machine.host("host-2").silent = True
    assert "unreachable since" in diagnose(machine.context, task).reason
    assert attempt(machine, name).blame is Blame.UNCLEAR


def test_human_is_asked_without_a_lost_diagnosis(machine: Machine) -> None:
    name, _ = failed(machine)
    this, following = 50, 51
    assert decide_next(machine.context, CLUSTER, name, name, this).kind == "DIAGNOSE"
    assert decide_next(machine.context, CLUSTER, name, name, this).kind == "DIAGNOSE"  # the answer was lost
    assert decide_next(machine.context, CLUSTER, name, name, following).kind == "AWAIT_HUMAN"
    (question,) = machine.memory.deployments.questions(name)
    assert (question.blame, "left no result" in question.diagnosis) == (Blame.UNCLEAR, True)


def test_lost_diagnosis_is_tried_again_in_another_execution(machine: Machine) -> None:
    name, _ = failed(machine)
    assert decide_next(machine.context, CLUSTER, name, name, 50).kind == "DIAGNOSE"
    assert decide_next(machine.context, CLUSTER, name, f"{name}_2", 1).kind == "DIAGNOSE"


def test_retry_lifts_the_quarantine_and_a_second_failure_sets_it_again(machine: Machine) -> None:
    machine.host("host-2").breaks.update({"1.0.1": AgentStage.SELF_TESTING, "1.0.0": AgentStage.SELF_TESTING})
    name = machine.deploy("1.0.1")
    machine.decide(name, Choice.RETRY, "host-2")
    assert "host-2" in machine.memory.fleet.quarantined_hosts(CLUSTER)
    machine.host("host-2").breaks.clear()
    machine.decide(name, Choice.RETRY, "host-2", 2)
    assert machine.memory.fleet.quarantined_hosts(CLUSTER) == {}
    assert machine.record(name).state is DeploymentState.DONE


def test_postponed_quarantined_host_is_asked_about_at_the_end(machine: Machine) -> None:
    machine.host("host-2").breaks.update({"1.0.1": AgentStage.SELF_TESTING, "1.0.0": AgentStage.SELF_TESTING})
    name = machine.deploy("1.0.1")
    machine.decide(name, Choice.FORCE_NEXT, "host-2")
    assert "every other host is done; host-2 was left out" in machine.record(name).reason
    machine.decide(name, Choice.SKIP_HOST, "host-2")
    assert machine.record(name).state is DeploymentState.DONE
    assert "host-2" not in machine.serving()


def test_question_has_the_effect_of_each_choice(machine: Machine) -> None:
    machine.host("host-1").breaks["1.0.1"] = AgentStage.SELF_TESTING
    name = machine.deploy("1.0.1")
    effects = question(machine, name).effects
    assert set(effects) == set(question(machine, name).choices)
    assert effects[Choice.ROLL_BACK] == "roll host-2, host-1 back to 1.0.0; 1.0.1 is quarantined"
    assert "host-4, host-3" in effects[Choice.SKIP_HOST]


def failed(machine: Machine) -> tuple[str, HostTask]:
    """Return a deployment whose first host has just failed its self-test, before the diagnosis."""
    machine.memory.clock.sleep(1)
    request = machine.request("1.0.1")
    machine.begin(request)
    machine.host("host-2").breaks["1.0.1"] = AgentStage.SELF_TESTING
    machine.update(request.deployment, "host-2", 1)
    epoch = machine.record(request.deployment).epoch
    return request.deployment, HostTask(CLUSTER, request.deployment, epoch, "host-2", 1)


class TakenMeanwhile(MemoryDispatcher):
    """A load balancer that another deployment has asked while a host drains: its lease was taken in between."""

    def __init__(self, machine: Machine) -> None:
        self.__dict__.update(machine.memory.dispatcher.__dict__)
        self._machine = machine

    def target(self, cluster: Cluster, address: str) -> TargetState:
        self._machine.memory.leases.set_back(cluster, Lease(3, "another"))
        return super().target(cluster, address)


def test_diagnosis_whose_lease_was_taken_while_it_waited_changes_nothing(machine: Machine) -> None:
    machine.host("host-2").breaks["1.0.1"] = AgentStage.SELF_TESTING
    machine.stop_at = "DIAGNOSE"
    name = machine.deploy("1.0.1")
    before, task = machine.turn("host-2"), HostTask(CLUSTER, name, machine.record(name).epoch, "host-2", 1)
    found = diagnose(replace(machine.context, dispatcher=TakenMeanwhile(machine)), task)
    assert (found.outcome, machine.turn("host-2")) == ("STALE", before)
    assert attempt(machine, name).blame is Blame.NONE


@pytest.mark.parametrize(
    ("changes", "possible"),
    [
        ({}, True),
        *(({"reached": state}, state in BEHIND_THE_DRAIN) for state in AttemptState),
        ({"state": AttemptState.ALIVE}, False),
        ({"unreachable": True}, False),
        ({"blame": Blame.VERSION}, False),
        ({"group": Group.TEST_BED}, True),
        ({"group": Group.CONTROL}, False),
    ],
)
def test_attempt_is_diagnosed_if_the_host_itself_failed(
    machine: Machine,
    changes: dict[str, Any],
    possible: bool,  # noqa: FBT001
) -> None:
    name, _ = failed(machine)
    assert can_be_diagnosed(machine.record(name), replace(attempt(machine, name), **changes)) is possible


@pytest.mark.parametrize("kind", list(Kind))
def test_only_a_deployment_with_a_previous_version_is_diagnosed(machine: Machine, kind: Kind) -> None:
    name, _ = failed(machine)
    record = machine.record(name)
    of_kind = replace(record, request=replace(record.request, kind=kind))
    assert can_be_diagnosed(of_kind, attempt(machine, name)) is (kind is Kind.DEPLOY)
    assert not can_be_diagnosed(replace(of_kind, previous=None), attempt(machine, name))


def _stays_silent(machine: Machine) -> None:
    """Let the agent report, and never act on the command."""
    agent, act = machine.host("host-2"), machine._acted

    def acted(host: Any, turn: Any) -> Any:
        return replace(machine.report(host.name), seen_at=machine.now) if host is agent else act(host, turn)

    machine._acted = acted  # type: ignore[method-assign]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda machine: machine.leave("host-2"), "host-2 has no agent any more"),
        (lambda machine: machine.memory.clock.ticks.append(lambda: _removed(machine)), "host-2 was removed"),
        (_stays_silent, "host-2 did not restore 1.0.0 within"),
    ],
)
def test_diagnosis_without_a_result_is_unclear_and_says_why(
    machine: Machine, change: Callable[[Machine], None], why: str
) -> None:
    name, task = failed(machine)
    change(machine)
    found = diagnose(machine.context, task)
    assert (found.outcome, attempt(machine, name).blame) == ("PASSED", Blame.UNCLEAR)
    assert why in attempt(machine, name).diagnosis
    assert machine.memory.fleet.quarantined_hosts(CLUSTER) == {}


def _removed(machine: Machine) -> None:
    if any(host.name == "host-2" for host in machine.hosts):
        machine.leave("host-2")

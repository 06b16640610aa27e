"""A whole rollout over in-memory fakes, as an operator would see it."""

from dataclasses import replace

import pytest

from lifecycle.application.convergence.converge import converge_all
from lifecycle.application.rollout import stages
from lifecycle.application.rollout.decide import decide
from lifecycle.application.rollout.plan import begin
from lifecycle.application.rollout.rollback import request_rollback
from lifecycle.application.rollout.stage_guard import HostTask
from lifecycle.domain.errors import Refused
from lifecycle.domain.fleet.host import AgentStage
from lifecycle.domain.rollout.attempt import AttemptState
from lifecycle.domain.rollout.decision import Answer, Choice
from lifecycle.domain.rollout.deployment import DeploymentState, Kind, Override
from lifecycle.domain.service.manifest import Manifest
from lifecycle.domain.service.policy import ApprovalGate, Policy
from tests.support.rollout import CHAIN, CLUSTER, Machine, manifest

ALL_OLD = dict.fromkeys(["host-1", "host-2", "host-3", "host-4"], "1.0.0")
ALL_NEW = dict.fromkeys(ALL_OLD, "1.0.1")


def test_good_version_reaches_every_host(machine: Machine) -> None:
    name = machine.deploy("1.0.1")
    assert machine.record(name).state is DeploymentState.DONE
    assert machine.serving() == ALL_NEW


def test_never_more_than_one_host_is_out_of_rotation(machine: Machine) -> None:
    machine.deploy("1.0.1")
    assert machine.rotations
    assert min(sum(state == "healthy" for state in seen.values()) for seen in machine.rotations) == 3


def test_order_takes_zones_in_turn(machine: Machine) -> None:
    name = machine.deploy("1.0.1")
    zones = [machine.host(host).zone for host in machine.record(name).hosts]
    assert zones == ["a", "b", "a", "b"]


def test_installed_version_is_reported_and_nothing_is_done(machine: Machine) -> None:
    planned = machine.begin(machine.request("1.0.0"))
    assert planned.kind == "NOTHING_TO_DO"
    assert machine.memory.leases.current(CLUSTER).deployment == ""


def test_failed_self_test_halts_and_leaves_the_others_untouched(machine: Machine) -> None:
    machine.host("host-2").breaks["1.0.1"] = AgentStage.SELF_TESTING
    name = machine.deploy("1.0.1")
    record = machine.record(name)
    assert record.state is DeploymentState.HALTED
    assert "failed while self-testing" in record.reason
    assert machine.serving() == {h: "1.0.0" for h in ALL_OLD if h != "host-2"}


@pytest.mark.parametrize("host", list(ALL_OLD))
def test_failure_on_any_host_halts(machine: Machine, host: str) -> None:
    machine.host(host).breaks["1.0.1"] = AgentStage.SELF_TESTING
    name = machine.deploy("1.0.1")
    assert machine.record(name).state is DeploymentState.HALTED
    assert host not in machine.serving()


@pytest.mark.parametrize(
    "stage", [AgentStage.FETCHING, AgentStage.INSTALLING, AgentStage.STARTING, AgentStage.SELF_TESTING]
)
def test_failure_in_any_stage_is_named(machine: Machine, stage: AgentStage) -> None:
    machine.host("host-2").breaks["1.0.1"] = stage
    name = machine.deploy("1.0.1")
    assert stage.lower().replace("_", "-") in machine.record(name).reason


def test_rollback_decision_restores_the_previous_version_everywhere(machine: Machine) -> None:
    machine.host("host-4").breaks["1.0.1"] = AgentStage.SELF_TESTING
    name = machine.deploy("1.0.1")
    machine.decide(name, Choice.ROLL_BACK, "host-4")
    assert machine.serving() == ALL_OLD
    assert machine.record(name).state is DeploymentState.ROLLED_BACK
    newest = machine.memory.deployments.recent(CLUSTER, 1)[0]
    assert newest.request.rollback_of == name
    assert newest.request.requested_by == "grace"
    assert newest.state is DeploymentState.DONE


def test_rollback_has_a_new_epoch_without_a_gap_in_the_lease(machine: Machine) -> None:
    machine.host("host-2").breaks["1.0.1"] = AgentStage.SELF_TESTING
    name = machine.deploy("1.0.1")
    machine.decide(name, Choice.ROLL_BACK, "host-2")
    newest = machine.memory.deployments.recent(CLUSTER, 1)[0]
    assert newest.epoch == machine.record(name).epoch + 1


def test_rolled_back_version_is_quarantined_until_an_override(machine: Machine) -> None:
    machine.host("host-2").breaks["1.0.1"] = AgentStage.SELF_TESTING
    machine.decide(machine.deploy("1.0.1"), Choice.ROLL_BACK, "host-2")
    machine.memory.clock.sleep(1)
    assert "quarantined" in machine.begin(machine.request("1.0.1")).reason
    machine.memory.clock.sleep(1)
    assert machine.begin(machine.request("1.0.1", overrides=(Override.QUARANTINE,))).kind == "PLANNED"


def test_failed_rollback_halts_and_offers_no_rollback(machine: Machine) -> None:
    machine.host("host-1").breaks["1.0.1"] = machine.host("host-2").breaks["1.0.0"] = AgentStage.SELF_TESTING
    machine.decide(machine.deploy("1.0.1"), Choice.ROLL_BACK, "host-1")
    newest = machine.memory.deployments.recent(CLUSTER, 1)[0]
    assert newest.state is DeploymentState.HALTED
    question = machine.memory.deployments.questions(newest.id)[0]
    assert Choice.ROLL_BACK not in question.choices


def test_retry_tries_the_same_host_first(machine: Machine) -> None:
    machine.host("host-2").breaks["1.0.1"] = AgentStage.SELF_TESTING
    name = machine.deploy("1.0.1")
    machine.host("host-2").breaks.clear()
    machine.decide(name, Choice.RETRY, "host-2")
    assert machine.serving() == ALL_NEW
    tries = [a.number for a in machine.memory.deployments.attempts(name) if a.host == "host-2"]
    assert tries == [1, 2]


def test_answer_counts_for_its_attempt_only(machine: Machine) -> None:
    machine.host("host-2").breaks["1.0.1"] = AgentStage.SELF_TESTING
    name = machine.deploy("1.0.1")
    machine.decide(name, Choice.RETRY, "host-2")
    assert machine.record(name).state is DeploymentState.HALTED
    with pytest.raises(Refused, match="waits for the decision on host-2, attempt 2"):
        machine.decide(name, Choice.RETRY, "host-2", 1)


def test_skipped_host_stays_drained_while_the_others_finish(machine: Machine) -> None:
    machine.host("host-2").breaks["1.0.1"] = AgentStage.SELF_TESTING
    name = machine.deploy("1.0.1")
    machine.decide(name, Choice.SKIP_HOST, "host-2")
    assert machine.record(name).state is DeploymentState.DONE
    assert machine.record(name).skipped_hosts == ("host-2",)
    assert machine.serving() == {h: "1.0.1" for h in ALL_OLD if h != "host-2"}


def test_force_next_asks_about_the_failed_host_at_the_end(machine: Machine) -> None:
    machine.host("host-2").breaks["1.0.1"] = AgentStage.SELF_TESTING
    name = machine.deploy("1.0.1")
    machine.decide(name, Choice.FORCE_NEXT, "host-2")
    assert machine.record(name).state is DeploymentState.HALTED
    assert machine.serving() == {h: "1.0.1" for h in ALL_OLD if h != "host-2"}
    machine.decide(name, Choice.SKIP_HOST, "host-2")
    assert machine.record(name).state is DeploymentState.DONE


def test_abort_touches_nothing_more_and_frees_the_lease(machine: Machine) -> None:
    machine.host("host-4").breaks["1.0.1"] = AgentStage.SELF_TESTING
    name = machine.deploy("1.0.1")
    before = machine.installed()
    machine.decide(name, Choice.ABORT, "host-4")
    assert machine.record(name).state is DeploymentState.ABORTED
    assert machine.installed() == before
    assert machine.memory.leases.current(CLUSTER).deployment == ""


def test_decision_is_used_once(machine: Machine) -> None:
    machine.host("host-2").breaks["1.0.1"] = AgentStage.SELF_TESTING
    name = machine.deploy("1.0.1")
    decide(machine.context, CLUSTER, name, "host-2", 1, Answer(Choice.RETRY, "grace", "", machine.now))
    with pytest.raises(Refused, match="grace answered RETRY"):
        decide(machine.context, CLUSTER, name, "host-2", 1, Answer(Choice.ABORT, "eve", "", machine.now))


def test_second_deployment_is_refused_with_the_lease_holder(machine: Machine) -> None:
    machine.host("host-2").breaks["1.0.1"] = AgentStage.SELF_TESTING
    name = machine.deploy("1.0.1")
    machine.memory.clock.sleep(1)
    assert name in machine.begin(machine.request("1.0.2")).reason


def test_unknown_release_is_refused(machine: Machine) -> None:
    assert "release '9.9.9' of hello not found" in machine.begin(machine.request("9.9.9")).reason


def test_unreachable_host_is_named_before_anything_is_touched(machine: Machine) -> None:
    machine.host("host-3").silent = machine.host("host-4").silent = True
    machine.memory.clock.sleep(60)
    assert "host-3 has been unreachable since" in machine.begin(machine.request("1.0.1")).reason
    assert machine.serving() == ALL_OLD


def test_agent_unreachable_in_its_turn_differs_from_a_failure(machine: Machine) -> None:
    request = machine.request("1.0.1")
    machine.begin(request)
    machine.host("host-2").silent = True
    machine.run(request.deployment)
    assert "agent unreachable since" in machine.record(request.deployment).reason


def test_drain_is_refused_while_another_host_is_down(machine: Machine) -> None:
    request = machine.request("1.0.1")
    machine.begin(request)
    machine.memory.dispatcher.dead.add(machine.host("host-3").address)
    machine.memory.clock.sleep(1)
    machine.update(request.deployment, "host-2", 1)
    [attempt] = machine.memory.deployments.attempts(request.deployment)
    assert "would leave 2 healthy of 4 hosts" in attempt.reason
    assert machine.installed() == ALL_OLD


def test_host_that_is_never_alive_is_taken_out_again(machine: Machine) -> None:
    machine.memory.dispatcher.dead.add(machine.host("host-2").address)
    machine.memory.dispatcher.states[CLUSTER].pop(machine.host("host-2").address)
    name = machine.deploy("1.0.1")
    machine.memory.clock.sleep(1)
    assert "not alive behind the load balancer" in machine.record(name).reason
    assert machine.host("host-2").address not in machine.memory.dispatcher.states[CLUSTER]


def test_repeated_stages_change_nothing(machine: Machine) -> None:
    request = machine.request("1.0.1")
    machine.begin(request)
    task = machine.hand_out(request.deployment, "host-2")
    for stage in (stages.drain, stages.install, stages.self_test, stages.register, stages.await_alive):
        assert stage(machine.context, task).outcome == "PASSED"
        assert stage(machine.context, task).outcome == "PASSED"
    assert machine.host("host-2").boots == 2
    assert [a.state for a in machine.memory.deployments.attempts(request.deployment)] == [AttemptState.ALIVE]


def test_fenced_stage_changes_nothing(machine: Machine) -> None:
    machine.host("host-2").breaks["1.0.1"] = AgentStage.SELF_TESTING
    name = machine.deploy("1.0.1")
    machine.decide(name, Choice.ROLL_BACK, "host-2")
    before = machine.installed()
    tried = list(machine.memory.deployments.attempts(name))
    task = HostTask(CLUSTER, name, machine.record(name).epoch, "host-3", 1)
    assert {stage(machine.context, task).outcome for stage in CHAIN} == {"STALE"}
    assert list(machine.memory.deployments.attempts(name)) == tried
    assert machine.installed() == before


def test_lost_attempt_halts_with_its_last_state(machine: Machine) -> None:
    request = machine.request("1.0.1")
    machine.begin(request)
    task = machine.hand_out(request.deployment, "host-2")
    stages.drain(machine.context, task)
    machine.run(request.deployment)
    assert "lost after it was DRAINED" in machine.record(request.deployment).reason


def test_repeated_plan_has_the_same_epoch(machine: Machine) -> None:
    request = machine.request("1.0.1")
    assert machine.begin(request).epoch == begin(machine.context, request, f"{request.deployment}_2").epoch
    assert machine.record(request.deployment).execution == f"{request.deployment}_2"


@pytest.mark.parametrize(
    ("gate", "touched"), [(ApprovalGate.BEFORE_FIRST_HOST, 0), (ApprovalGate.AFTER_FIRST_HOST, 1)]
)
def test_rollout_waits_for_the_approval_of_the_policy(gate: ApprovalGate, touched: int) -> None:
    machine = Machine(policy=Policy(approval=gate))
    name = machine.deploy("1.0.0")
    assert machine.record(name).state is DeploymentState.AWAITING_APPROVAL
    assert len(machine.serving()) == touched
    machine.approve(name, Choice.APPROVE)
    assert machine.record(name).state is DeploymentState.DONE


def test_approval_expires() -> None:
    machine = Machine(policy=Policy(approval=ApprovalGate.BEFORE_FIRST_HOST, approval_expires_seconds=60))
    name = machine.deploy("1.0.0")
    machine.memory.clock.sleep(61)
    with pytest.raises(Refused, match="expired"):
        machine.approve(name, Choice.APPROVE)
    machine.run(name)
    assert machine.record(name).state is DeploymentState.REJECTED


def test_rejection_after_the_first_host_rolls_it_back() -> None:
    machine = Machine()
    machine.deploy("1.0.0")
    machine.publish(_gated("1.1.0"))
    name = machine.deploy("1.1.0")
    machine.approve(name, Choice.REJECT)
    assert machine.serving() == ALL_OLD


def test_rejection_before_the_first_host_keeps_the_desired_version() -> None:
    machine = Machine()
    machine.deploy("1.0.0")
    machine.publish(_gated("1.1.0", ApprovalGate.BEFORE_FIRST_HOST))
    name = machine.deploy("1.1.0")
    machine.approve(name, Choice.REJECT)
    desired = machine.memory.registry.desired(CLUSTER)
    assert desired is not None
    assert desired.version == "1.0.0"
    assert machine.record(name).state is DeploymentState.REJECTED


def _gated(version: str, gate: ApprovalGate = ApprovalGate.AFTER_FIRST_HOST) -> Manifest:
    return manifest(version, Policy(approval=gate))


def test_operator_rolls_back_a_halted_deployment_with_one_action(machine: Machine) -> None:
    machine.host("host-4").breaks["1.0.1"] = AgentStage.SELF_TESTING
    name = machine.deploy("1.0.1")
    request_rollback(machine.context, CLUSTER, name, Answer(Choice.ROLL_BACK, "grace", "", machine.now))
    machine.run(name)
    assert machine.serving() == ALL_OLD


def test_rollback_of_a_done_deployment_is_a_new_deployment(machine: Machine) -> None:
    done = machine.deploy("1.0.1")
    machine.deploy("1.0.0", Kind.ROLLBACK, rollback_of=done)
    assert machine.serving() == ALL_OLD
    assert "1.0.1" in machine.memory.fleet.quarantined(CLUSTER)


def test_first_deployment_offers_no_rollback() -> None:
    machine = Machine()
    machine.host("host-1").breaks["1.0.0"] = AgentStage.SELF_TESTING
    name = machine.deploy("1.0.0")
    assert Choice.ROLL_BACK not in machine.memory.deployments.questions(name)[0].choices


def test_policy_may_allow_two_hosts_at_once() -> None:
    machine = Machine(policy=Policy(max_unavailable=2))
    machine.deploy("1.0.0")
    machine.rotations.clear()
    machine.deploy("1.0.1")
    assert machine.serving() == ALL_NEW


def test_every_effect_has_an_earlier_audit_entry(machine: Machine) -> None:
    machine.deploy("1.0.1")
    recorded = [(e.what, e.host) for e in machine.memory.audit_log.entries if "10" in e.deployment]
    for host in ALL_OLD:
        mine = [what for what, where in recorded if where == host]
        assert mine[-4:] == ["drain", "install", "register", "alive"]


def test_version_that_cannot_be_fetched_halts_before_the_drain(machine: Machine) -> None:
    machine.host("host-2").breaks["1.0.1"] = AgentStage.FETCHING
    name = machine.deploy("1.0.1")
    assert "failed while fetching" in machine.record(name).reason
    assert machine.serving() == ALL_OLD


def test_production_takes_releases_only(machine: Machine) -> None:
    machine.publish(manifest("1.0.3-20261123120000-abcdef0"))
    assert "production takes releases only" in machine.begin(machine.request("1.0.3-20261123120000-abcdef0")).reason


def test_rollback_is_not_rolled_back(machine: Machine) -> None:
    machine.host("host-1").breaks["1.0.1"] = machine.host("host-2").breaks["1.0.0"] = AgentStage.SELF_TESTING
    machine.decide(machine.deploy("1.0.1"), Choice.ROLL_BACK, "host-1")
    newest = machine.memory.deployments.recent(CLUSTER, 1)[0]
    with pytest.raises(Refused, match="it is a rollback itself"):
        request_rollback(machine.context, CLUSTER, newest.id, Answer(Choice.ROLL_BACK, "grace", "", machine.now))


def test_convergence_resumes_an_expired_approval() -> None:
    machine = Machine(policy=Policy(approval=ApprovalGate.BEFORE_FIRST_HOST, approval_expires_seconds=60))
    name = machine.deploy("1.0.0")
    token = machine.memory.deployments.questions(name)[0].token
    machine.memory.executions.waiting.add(token)
    machine.memory.executions.running.add(name)
    machine.memory.clock.sleep(61)
    assert "expired" in converge_all(machine.context, "abcd", "schedule")[0].reason
    assert machine.memory.executions.waiting == set()


def test_load_balancer_error_halts_with_its_message(machine: Machine) -> None:
    request = machine.request("1.0.1")
    machine.begin(request)
    del machine.memory.dispatcher.states[CLUSTER]
    task = machine.hand_out(request.deployment, "host-2")
    outcome = stages.drain(machine.context, task)
    assert (outcome.outcome, "Deploy its stack first" in outcome.reason) == ("FAILED", True)


def test_same_bytes_under_another_version_are_installed(machine: Machine) -> None:
    machine.memory.publish(replace(manifest("1.0.0"), version="1.0.9"), b"1.0.0")
    name = machine.deploy("1.0.9")
    assert machine.record(name).state is DeploymentState.DONE
    assert set(machine.serving().values()) == {"1.0.9"}

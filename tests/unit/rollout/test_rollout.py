"""A whole rollout over in-memory twins, told as an operator would see it."""

from dataclasses import replace

import pytest

from lifecycle.application.convergence.converge import converge_all
from lifecycle.application.rollout import stages
from lifecycle.application.rollout.decide import decide
from lifecycle.application.rollout.plan import begin
from lifecycle.application.rollout.rollback import request_rollback
from lifecycle.application.rollout.stage_guard import HostTask
from lifecycle.domain.errors import Refused
from lifecycle.domain.fleet.host import Stage
from lifecycle.domain.rollout.attempt import AttemptState
from lifecycle.domain.rollout.decision import Answer, Choice
from lifecycle.domain.rollout.deployment import DeploymentState, Kind, Override
from lifecycle.domain.service.manifest import Manifest
from lifecycle.domain.service.policy import ApprovalGate, Policy
from tests.support.rollout import CLUSTER, Machine, manifest

ALL_OLD = dict.fromkeys(["host-1", "host-2", "host-3", "host-4"], "1.0.0")
ALL_NEW = dict.fromkeys(ALL_OLD, "1.0.1")


def test_a_good_version_reaches_every_host(machine: Machine) -> None:
    name = machine.deploy("1.0.1")
    assert machine.record(name).state is DeploymentState.DONE
    assert machine.serving() == ALL_NEW


def test_never_more_than_one_host_is_out_of_rotation(machine: Machine) -> None:
    machine.deploy("1.0.1")
    assert machine.rotations
    assert min(sum(state == "healthy" for state in seen.values()) for seen in machine.rotations) == 3


def test_the_order_takes_zones_in_turn(machine: Machine) -> None:
    name = machine.deploy("1.0.1")
    zones = [machine.host(host).zone for host in machine.record(name).hosts]
    assert zones == ["a", "b", "a", "b"]


def test_what_is_there_already_is_said_and_nothing_is_done(machine: Machine) -> None:
    planned = machine.begin(machine.request("1.0.0"))
    assert planned.kind == "NOTHING_TO_DO"
    assert machine.memory.leases.current(CLUSTER).deployment == ""


def test_a_failed_self_test_halts_and_leaves_the_others_untouched(machine: Machine) -> None:
    machine.host("host-2").breaks["1.0.1"] = Stage.SELF_TESTING
    name = machine.deploy("1.0.1")
    record = machine.record(name)
    assert record.state is DeploymentState.HALTED
    assert "failed while self-testing" in record.reason
    assert machine.serving() == {h: "1.0.0" for h in ALL_OLD if h != "host-2"}


@pytest.mark.parametrize("host", list(ALL_OLD))
def test_a_failure_on_any_host_the_last_included_halts(machine: Machine, host: str) -> None:
    machine.host(host).breaks["1.0.1"] = Stage.SELF_TESTING
    name = machine.deploy("1.0.1")
    assert machine.record(name).state is DeploymentState.HALTED
    assert host not in machine.serving()


@pytest.mark.parametrize("stage", [Stage.FETCHING, Stage.INSTALLING, Stage.STARTING, Stage.SELF_TESTING])
def test_a_failure_in_any_stage_is_named(machine: Machine, stage: Stage) -> None:
    machine.host("host-2").breaks["1.0.1"] = stage
    name = machine.deploy("1.0.1")
    assert stage.lower().replace("_", "-") in machine.record(name).reason


def test_a_rollback_decision_brings_the_previous_version_back_everywhere(machine: Machine) -> None:
    machine.host("host-4").breaks["1.0.1"] = Stage.SELF_TESTING
    name = machine.deploy("1.0.1")
    machine.decide(name, Choice.ROLL_BACK, "host-4")
    assert machine.serving() == ALL_OLD
    assert machine.record(name).state is DeploymentState.ROLLED_BACK
    newest = machine.memory.deployments.recent(CLUSTER, 1)[0]
    assert newest.request.rollback_of == name
    assert newest.request.requested_by == "grace"
    assert newest.state is DeploymentState.DONE


def test_a_rollback_runs_under_a_new_epoch_without_a_gap_in_the_lease(machine: Machine) -> None:
    machine.host("host-2").breaks["1.0.1"] = Stage.SELF_TESTING
    name = machine.deploy("1.0.1")
    machine.decide(name, Choice.ROLL_BACK, "host-2")
    newest = machine.memory.deployments.recent(CLUSTER, 1)[0]
    assert newest.epoch == machine.record(name).epoch + 1


def test_a_rolled_back_version_is_quarantined_until_somebody_insists(machine: Machine) -> None:
    machine.host("host-2").breaks["1.0.1"] = Stage.SELF_TESTING
    machine.decide(machine.deploy("1.0.1"), Choice.ROLL_BACK, "host-2")
    machine.memory.clock.sleep(1)
    assert "quarantined" in machine.begin(machine.request("1.0.1")).reason
    machine.memory.clock.sleep(1)
    assert machine.begin(machine.request("1.0.1", overrides=(Override.QUARANTINE,))).kind == "PLANNED"


def test_a_rollback_that_fails_too_halts_and_offers_no_rollback(machine: Machine) -> None:
    machine.host("host-1").breaks["1.0.1"] = machine.host("host-2").breaks["1.0.0"] = Stage.SELF_TESTING
    machine.decide(machine.deploy("1.0.1"), Choice.ROLL_BACK, "host-1")
    newest = machine.memory.deployments.recent(CLUSTER, 1)[0]
    assert newest.state is DeploymentState.HALTED
    question = machine.memory.deployments.questions(newest.id)[0]
    assert Choice.ROLL_BACK not in question.choices


def test_retry_tries_the_same_host_again_first(machine: Machine) -> None:
    machine.host("host-2").breaks["1.0.1"] = Stage.SELF_TESTING
    name = machine.deploy("1.0.1")
    machine.host("host-2").breaks.clear()
    machine.decide(name, Choice.RETRY, "host-2")
    assert machine.serving() == ALL_NEW
    tries = [a.number for a in machine.memory.deployments.attempts(name) if a.host == "host-2"]
    assert tries == [1, 2]


def test_an_answer_holds_for_its_attempt_only(machine: Machine) -> None:
    machine.host("host-2").breaks["1.0.1"] = Stage.SELF_TESTING
    name = machine.deploy("1.0.1")
    machine.decide(name, Choice.RETRY, "host-2")
    assert machine.record(name).state is DeploymentState.HALTED
    with pytest.raises(Refused, match="asks about host-2, attempt 2"):
        machine.decide(name, Choice.RETRY, "host-2", 1)


def test_skipping_a_host_finishes_the_others_and_leaves_it_drained(machine: Machine) -> None:
    machine.host("host-2").breaks["1.0.1"] = Stage.SELF_TESTING
    name = machine.deploy("1.0.1")
    machine.decide(name, Choice.SKIP_HOST, "host-2")
    assert machine.record(name).state is DeploymentState.DONE
    assert machine.record(name).skipped_hosts == ("host-2",)
    assert machine.serving() == {h: "1.0.1" for h in ALL_OLD if h != "host-2"}


def test_forcing_the_next_host_asks_about_the_failed_one_again_at_the_end(machine: Machine) -> None:
    machine.host("host-2").breaks["1.0.1"] = Stage.SELF_TESTING
    name = machine.deploy("1.0.1")
    machine.decide(name, Choice.FORCE_NEXT, "host-2")
    assert machine.record(name).state is DeploymentState.HALTED
    assert machine.serving() == {h: "1.0.1" for h in ALL_OLD if h != "host-2"}
    machine.decide(name, Choice.SKIP_HOST, "host-2")
    assert machine.record(name).state is DeploymentState.DONE


def test_aborting_touches_nothing_more_and_frees_the_lease(machine: Machine) -> None:
    machine.host("host-4").breaks["1.0.1"] = Stage.SELF_TESTING
    name = machine.deploy("1.0.1")
    before = machine.installed()
    machine.decide(name, Choice.ABORT, "host-4")
    assert machine.record(name).state is DeploymentState.ABORTED
    assert machine.installed() == before
    assert machine.memory.leases.current(CLUSTER).deployment == ""


def test_a_decision_is_used_once(machine: Machine) -> None:
    machine.host("host-2").breaks["1.0.1"] = Stage.SELF_TESTING
    name = machine.deploy("1.0.1")
    decide(machine.context, CLUSTER, name, "host-2", 1, Answer(Choice.RETRY, "grace", "", machine.now))
    with pytest.raises(Refused, match="grace answered RETRY"):
        decide(machine.context, CLUSTER, name, "host-2", 1, Answer(Choice.ABORT, "eve", "", machine.now))


def test_a_second_deployment_is_refused_and_told_who_holds_the_lease(machine: Machine) -> None:
    machine.host("host-2").breaks["1.0.1"] = Stage.SELF_TESTING
    name = machine.deploy("1.0.1")
    machine.memory.clock.sleep(1)
    assert name in machine.begin(machine.request("1.0.2")).reason


def test_an_unknown_release_is_refused(machine: Machine) -> None:
    assert "release '9.9.9' of hello not found" in machine.begin(machine.request("9.9.9")).reason


def test_a_silent_agent_is_named_before_anything_is_touched(machine: Machine) -> None:
    machine.host("host-3").silent = machine.host("host-4").silent = True
    machine.memory.clock.sleep(60)
    assert "host-3 has been unreachable since" in machine.begin(machine.request("1.0.1")).reason
    assert machine.serving() == ALL_OLD


def test_an_agent_that_falls_silent_in_its_turn_is_told_apart_from_a_failure(machine: Machine) -> None:
    request = machine.request("1.0.1")
    machine.begin(request)
    machine.host("host-2").silent = True
    machine.run(request.deployment)
    assert "agent silent since" in machine.record(request.deployment).reason


def test_draining_is_refused_while_another_host_is_down(machine: Machine) -> None:
    request = machine.request("1.0.1")
    machine.begin(request)
    machine.memory.dispatcher.dead.add(machine.host("host-3").address)
    machine.memory.clock.sleep(1)
    machine.update(request.deployment, "host-2", 1)
    [attempt] = machine.memory.deployments.attempts(request.deployment)
    assert "would leave 2 healthy of 4 hosts" in attempt.reason
    assert machine.installed() == ALL_OLD


def test_a_host_that_is_never_alive_is_taken_out_again(machine: Machine) -> None:
    machine.memory.dispatcher.dead.add(machine.host("host-2").address)
    machine.memory.dispatcher.states[CLUSTER].pop(machine.host("host-2").address)
    name = machine.deploy("1.0.1")
    machine.memory.clock.sleep(1)
    assert "not alive behind the load balancer" in machine.record(name).reason
    assert machine.host("host-2").address not in machine.memory.dispatcher.states[CLUSTER]


def test_every_stage_run_twice_equals_once(machine: Machine) -> None:
    request = machine.request("1.0.1")
    machine.begin(request)
    task = HostTask(CLUSTER, request.deployment, machine.record(request.deployment).epoch, "host-2", 1)
    for stage in (stages.drain, stages.install, stages.self_test, stages.register, stages.await_alive):
        assert stage(machine.context, task, "run").outcome == "PASSED"
        assert stage(machine.context, task, "run").outcome == "PASSED"
    assert machine.host("host-2").boots == 2
    assert [a.state for a in machine.memory.deployments.attempts(request.deployment)] == [AttemptState.ALIVE]


def test_a_stale_actor_does_nothing(machine: Machine) -> None:
    machine.host("host-2").breaks["1.0.1"] = Stage.SELF_TESTING
    name = machine.deploy("1.0.1")
    machine.decide(name, Choice.ROLL_BACK, "host-2")
    before = machine.installed()
    tried = list(machine.memory.deployments.attempts(name))
    assert set(machine.update(name, "host-3", 1)) == {"STALE"}
    assert list(machine.memory.deployments.attempts(name)) == tried
    assert machine.installed() == before


def test_a_lost_attempt_halts_and_says_where_it_was_lost(machine: Machine) -> None:
    request = machine.request("1.0.1")
    machine.begin(request)
    task = HostTask(CLUSTER, request.deployment, machine.record(request.deployment).epoch, "host-2", 1)
    stages.drain(machine.context, task, request.deployment)
    machine.run(request.deployment)
    assert "lost after it was DRAINED" in machine.record(request.deployment).reason


def test_a_plan_run_twice_keeps_its_epoch(machine: Machine) -> None:
    request = machine.request("1.0.1")
    assert machine.begin(request).epoch == begin(machine.context, request, f"{request.deployment}_2").epoch
    assert machine.record(request.deployment).execution == f"{request.deployment}_2"


@pytest.mark.parametrize(
    ("gate", "touched"), [(ApprovalGate.BEFORE_FIRST_HOST, 0), (ApprovalGate.AFTER_FIRST_HOST, 1)]
)
def test_an_approval_is_waited_for_where_the_policy_says(gate: ApprovalGate, touched: int) -> None:
    machine = Machine(policy=Policy(approval=gate))
    name = machine.deploy("1.0.0")
    assert machine.record(name).state is DeploymentState.AWAITING_APPROVAL
    assert len(machine.serving()) == touched
    machine.approve(name, Choice.APPROVE)
    assert machine.record(name).state is DeploymentState.DONE


def test_an_approval_expires() -> None:
    machine = Machine(policy=Policy(approval=ApprovalGate.BEFORE_FIRST_HOST, approval_expires_seconds=60))
    name = machine.deploy("1.0.0")
    machine.memory.clock.sleep(61)
    with pytest.raises(Refused, match="expired"):
        machine.approve(name, Choice.APPROVE)
    machine.run(name)
    assert machine.record(name).state is DeploymentState.REJECTED


def test_rejecting_after_the_first_host_brings_it_back() -> None:
    machine = Machine()
    machine.deploy("1.0.0")
    machine.publish(_gated("1.1.0"))
    name = machine.deploy("1.1.0")
    machine.approve(name, Choice.REJECT)
    assert machine.serving() == ALL_OLD


def test_rejecting_before_the_first_host_leaves_the_desired_version_as_it_was() -> None:
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


def test_an_operator_may_roll_back_a_halted_deployment_with_one_action(machine: Machine) -> None:
    machine.host("host-4").breaks["1.0.1"] = Stage.SELF_TESTING
    name = machine.deploy("1.0.1")
    request_rollback(machine.context, CLUSTER, name, Answer(Choice.ROLL_BACK, "grace", "", machine.now))
    machine.run(name)
    assert machine.serving() == ALL_OLD


def test_a_rollback_of_what_is_done_is_a_new_deployment(machine: Machine) -> None:
    done = machine.deploy("1.0.1")
    machine.deploy("1.0.0", Kind.ROLLBACK, rollback_of=done)
    assert machine.serving() == ALL_OLD
    assert "1.0.1" in machine.memory.fleet.quarantined(CLUSTER)


def test_the_first_deployment_offers_no_rollback() -> None:
    machine = Machine()
    machine.host("host-1").breaks["1.0.0"] = Stage.SELF_TESTING
    name = machine.deploy("1.0.0")
    assert Choice.ROLL_BACK not in machine.memory.deployments.questions(name)[0].choices


def test_two_hosts_at_once_when_the_policy_allows_two() -> None:
    machine = Machine(policy=Policy(max_unavailable=2))
    machine.deploy("1.0.0")
    machine.rotations.clear()
    machine.deploy("1.0.1")
    assert machine.serving() == ALL_NEW


def test_every_effect_is_preceded_by_a_line_of_the_trail(machine: Machine) -> None:
    machine.deploy("1.0.1")
    told = [(e.what, e.host) for e in machine.memory.audit_log.entries if "10" in e.deployment]
    for host in ALL_OLD:
        mine = [what for what, where in told if where == host]
        assert mine[-4:] == ["drain", "install", "register", "alive"]


def test_a_version_that_a_host_cannot_fetch_halts_before_the_host_is_drained(machine: Machine) -> None:
    machine.host("host-2").breaks["1.0.1"] = Stage.FETCHING
    name = machine.deploy("1.0.1")
    assert "failed while fetching" in machine.record(name).reason
    assert machine.serving() == ALL_OLD


def test_production_takes_releases_only(machine: Machine) -> None:
    machine.publish(manifest("1.0.3-20261123120000-abcdef0"))
    assert (
        "production takes releases only"
        in machine.begin(machine.request("1.0.3-20261123120000-abcdef0")).reason
    )


def test_a_rollback_is_not_rolled_back(machine: Machine) -> None:
    machine.host("host-1").breaks["1.0.1"] = machine.host("host-2").breaks["1.0.0"] = Stage.SELF_TESTING
    machine.decide(machine.deploy("1.0.1"), Choice.ROLL_BACK, "host-1")
    newest = machine.memory.deployments.recent(CLUSTER, 1)[0]
    with pytest.raises(Refused, match="it is a rollback itself"):
        request_rollback(
            machine.context, CLUSTER, newest.id, Answer(Choice.ROLL_BACK, "grace", "", machine.now)
        )


def test_convergence_wakes_an_approval_that_expired() -> None:
    machine = Machine(policy=Policy(approval=ApprovalGate.BEFORE_FIRST_HOST, approval_expires_seconds=60))
    name = machine.deploy("1.0.0")
    token = machine.memory.deployments.questions(name)[0].token
    machine.memory.executions.waiting.add(token)
    machine.memory.executions.running.add(name)
    machine.memory.clock.sleep(61)
    assert "expired" in converge_all(machine.context, "abcd", "schedule")[0].reason
    assert machine.memory.executions.waiting == set()


def test_a_load_balancer_that_refuses_halts_with_its_own_words(machine: Machine) -> None:
    request = machine.request("1.0.1")
    machine.begin(request)
    del machine.memory.dispatcher.states[CLUSTER]
    task = HostTask(CLUSTER, request.deployment, machine.record(request.deployment).epoch, "host-2", 1)
    outcome = stages.drain(machine.context, task, "run")
    assert (outcome.outcome, "Deploy its stack first" in outcome.reason) == ("FAILED", True)


def test_the_same_bytes_under_another_version_are_installed(machine: Machine) -> None:
    same = manifest("1.0.0")
    machine.memory.artifacts._manifests["release/hello/1.0.9"] = replace(same, version="1.0.9")
    name = machine.deploy("1.0.9")
    assert machine.record(name).state is DeploymentState.DONE
    assert set(machine.serving().values()) == {"1.0.9"}

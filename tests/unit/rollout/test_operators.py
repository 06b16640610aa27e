"""Operators freeze, pause, queue, approve, decide in time, quarantine, and need a rollback target."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from lifecycle.application.convergence.converge import converge_all
from lifecycle.application.fleet.quarantine import lift_quarantine, quarantine
from lifecycle.application.fleet.remove_host import remove_host
from lifecycle.application.operator_command import RequestedBy
from lifecycle.application.rollout.decide import answer_deployment, approve, decide
from lifecycle.application.rollout.freeze import freeze, unfreeze
from lifecycle.application.rollout.plan import Planned, preview
from lifecycle.application.rollout.rollback import request_rollback
from lifecycle.domain.errors import Refused, Unknown
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.host import AgentStage
from lifecycle.domain.rollout.decision import Answer, Choice
from lifecycle.domain.rollout.deployment import DeploymentState, Kind, Override
from lifecycle.domain.rollout.lease import RUNNING_LEASE
from lifecycle.domain.service.policy import ApprovalGate, Policy
from tests.support.rollout import CLUSTER, Machine, manifest

GRACE = RequestedBy("grace", "sale")


def says(machine: Machine, choice: Choice, why: str = "lunch") -> Answer:
    return Answer(choice, "grace", why, machine.now)


def begun(machine: Machine, version: str, **more: object) -> tuple[str, Planned]:
    """Return a deployment of `version` that was planned and not run."""
    machine.memory.clock.sleep(1)
    request = machine.request(version, **more)  # type: ignore[arg-type]
    return request.deployment, machine.begin(request)


@pytest.mark.parametrize("scope", ["*", "production", "production/hello"])
def test_freeze_refuses_with_its_author_and_reason(machine: Machine, scope: str) -> None:
    freeze(machine.context, scope, GRACE)
    _, planned = begun(machine, "1.0.1")
    assert planned.kind == "REFUSED"
    assert "by grace: sale" in planned.reason


@pytest.mark.parametrize("scope", ["staging", "production/other"])
def test_freeze_elsewhere_refuses_nothing(machine: Machine, scope: str) -> None:
    freeze(machine.context, scope, GRACE)
    assert begun(machine, "1.0.1")[1].kind == "PLANNED"


def test_freeze_ends_by_its_time_or_by_hand(machine: Machine) -> None:
    freeze(machine.context, "*", GRACE, machine.now + timedelta(hours=1))
    machine.memory.clock.sleep(3600)
    assert begun(machine, "1.0.1")[1].kind == "PLANNED"
    freeze(machine.context, "production", GRACE)
    unfreeze(machine.context, "production", GRACE)
    assert preview(machine.context, machine.request("1.0.2")).blockers == ()
    with pytest.raises(Unknown, match=r"known: \*"):
        unfreeze(machine.context, "production", GRACE)


def test_freeze_lets_rollbacks_and_repairs_pass(machine: Machine) -> None:
    done = machine.deploy("1.0.1")
    freeze(machine.context, "*", GRACE)
    machine.deploy("1.0.0", Kind.ROLLBACK, rollback_of=done)
    assert set(machine.serving().values()) == {"1.0.0"}
    machine.memory.dispatcher.states[CLUSTER].pop(machine.host("host-1").address)
    assert converge_all(machine.context, "abcd", "schedule")[0].kind == "REPAIR"


def test_overridden_freeze_is_recorded_in_the_audit_log(machine: Machine) -> None:
    freeze(machine.context, "*", GRACE)
    name, planned = begun(machine, "1.0.1", overrides=(Override.FREEZE,), reason="the fix")
    assert planned.kind == "PLANNED"
    recorded = [(e.what, e.who, e.why) for e in machine.memory.audit_log.entries if e.deployment == name]
    assert ("override freeze", "ada", "the fix") in recorded


def test_windows_of_the_policy_freeze(machine: Machine) -> None:
    machine.publish(manifest("1.0.9", Policy(frozen=("Mon 00:00 - Tue 00:00 UTC",))))
    assert "the policy of production/hello freezes Mon 00:00" in begun(machine, "1.0.9")[1].reason


def test_pause_stops_before_the_next_host_until_it_is_resumed(machine: Machine) -> None:
    name, _ = begun(machine, "1.0.1")
    machine.update(name, "host-2", 1)
    answer_deployment(machine.context, CLUSTER, name, says(machine, Choice.PAUSE))
    assert machine.run(name).kind == "AWAIT_HUMAN"
    assert machine.record(name).state is DeploymentState.PAUSED
    assert "paused by grace" in machine.record(name).reason
    assert list(machine.serving().values()).count("1.0.1") == 1
    answer_deployment(machine.context, CLUSTER, name, says(machine, Choice.RESUME))
    machine.run(name)
    assert set(machine.serving().values()) == {"1.0.1"}


def test_deployment_may_be_paused_again_and_aborted_while_paused(machine: Machine) -> None:
    name, _ = begun(machine, "1.0.1")
    for choice in (Choice.PAUSE, Choice.RESUME, Choice.PAUSE, Choice.ABORT):
        answer_deployment(machine.context, CLUSTER, name, says(machine, choice))
    machine.run(name)
    assert machine.record(name).state is DeploymentState.ABORTED


def test_second_pause_and_resume_without_a_pause_are_refused(machine: Machine) -> None:
    name, _ = begun(machine, "1.0.1")
    with pytest.raises(Refused, match="waits for no answer"):
        answer_deployment(machine.context, CLUSTER, name, says(machine, Choice.RESUME))
    answer_deployment(machine.context, CLUSTER, name, says(machine, Choice.PAUSE))
    with pytest.raises(Refused, match="paused by grace"):
        answer_deployment(machine.context, CLUSTER, name, says(machine, Choice.PAUSE))


def test_paused_deployment_can_be_rolled_back(machine: Machine) -> None:
    name, _ = begun(machine, "1.0.1")
    machine.update(name, "host-2", 1)
    answer_deployment(machine.context, CLUSTER, name, says(machine, Choice.PAUSE))
    answer_deployment(machine.context, CLUSTER, name, says(machine, Choice.ROLL_BACK))
    machine.run(name)
    assert set(machine.serving().values()) == {"1.0.0"}


def test_deployment_waits_for_the_one_before_it(machine: Machine) -> None:
    first, _ = begun(machine, "1.0.1")
    second, planned = begun(machine, "1.0.2")
    assert planned.kind == "QUEUED"
    assert machine.record(second).state is DeploymentState.QUEUED
    machine.run(first)
    assert machine.run_what_waited() == second
    assert set(machine.serving().values()) == {"1.0.2"}
    assert machine.memory.queue.waiting(CLUSTER) is None


def test_newest_pending_deployment_supersedes_the_older(machine: Machine) -> None:
    machine.publish(manifest("1.0.3"))
    first, _ = begun(machine, "1.0.1")
    older, _ = begun(machine, "1.0.2")
    newer, planned = begun(machine, "1.0.3")
    assert planned.kind == "QUEUED"
    assert machine.record(older).state is DeploymentState.SUPERSEDED
    assert newer in machine.record(older).reason
    machine.run(first)
    assert machine.run_what_waited() == newer


def test_older_deployment_that_comes_late_is_superseded(machine: Machine) -> None:
    older = machine.request("1.0.2")
    machine.memory.clock.sleep(1)
    begun(machine, "1.0.1")
    assert machine.begin(older).kind == "QUEUED"
    begun(machine, "1.0.2")
    assert machine.begin(older).kind == "REFUSED"
    assert machine.record(older.deployment).state is DeploymentState.SUPERSEDED


def test_pending_deployment_is_planned_again_when_it_begins(machine: Machine) -> None:
    first, _ = begun(machine, "1.0.1")
    second, _ = begun(machine, "1.0.2")
    machine.memory.fleet.quarantine(CLUSTER, "1.0.2", "it is bad")
    machine.run(first)
    machine.run_what_waited()
    assert machine.record(second).state is DeploymentState.REFUSED
    assert "it is bad" in machine.record(second).reason
    assert machine.memory.queue.waiting(CLUSTER) is None


def test_pending_deployment_is_dropped_after_a_rollback(machine: Machine) -> None:
    machine.host("host-2").breaks["1.0.1"] = AgentStage.SELF_TESTING
    first = machine.deploy("1.0.1")
    second, _ = begun(machine, "1.0.2")
    machine.decide(first, Choice.ROLL_BACK, "host-2")
    assert machine.memory.executions.rollouts == {}
    assert machine.record(second).state is DeploymentState.REFUSED
    assert "was rolled back while 1.0.2 waited" in machine.record(second).reason


def test_automatic_environment_starts_the_pending_deployment() -> None:
    machine = Machine(policy=Policy(automatic=True), cluster=Cluster("staging", "hello"))
    machine.deploy("1.0.0")
    machine.host("host-2").breaks["1.0.1"] = AgentStage.SELF_TESTING
    first = machine.deploy("1.0.1")
    begun(machine, "1.0.2")
    machine.decide(first, Choice.ABORT, "host-2")
    machine.run_what_waited()
    assert set(machine.serving().values()) == {"1.0.2"}


def test_convergence_starts_the_pending_deployment_after_a_lost_start(machine: Machine) -> None:
    first, _ = begun(machine, "1.0.1")
    second, _ = begun(machine, "1.0.2")
    machine.run(first)
    machine.memory.executions.running.clear()  # its execution died before its plan
    found = converge_all(machine.context, "abcd", "schedule")[0]
    assert (found.kind, found.deployment) == ("START_PENDING", second)
    assert len(machine.memory.executions.rollouts) == 2


def test_lease_is_renewed_during_the_rollout(machine: Machine) -> None:
    name, _ = begun(machine, "1.0.1")
    machine.memory.clock.sleep(2 * 3600)
    machine.run(name)
    newest = [e for e in machine.memory.audit_log.entries if e.what == "done"]
    assert newest
    assert machine.record(name).state is DeploymentState.DONE


def test_expired_lease_is_taken_and_its_holder_is_fenced(machine: Machine) -> None:
    first, _ = begun(machine, "1.0.1")
    machine.memory.clock.sleep(RUNNING_LEASE.total_seconds())
    second, planned = begun(machine, "1.0.2")
    assert planned.kind == "PLANNED"
    assert machine.record(second).epoch == machine.record(first).epoch + 1
    assert machine.record(first).state is DeploymentState.STALE
    assert machine.update(first, "host-2", 1)[0] == "STALE"


def test_plan_lost_after_it_took_an_expired_lease_still_cancels_the_former_commands(machine: Machine) -> None:
    """Found by the simulation: an agent that came back began an install of the fenced deployment."""
    first, _ = begun(machine, "1.0.1")
    machine.memory.clock.sleep(RUNNING_LEASE.total_seconds())
    request = machine.request("1.0.2")
    machine.memory.leases.acquire(CLUSTER, request.deployment, machine.now)
    machine.begin(request)
    assert machine.record(first).state is DeploymentState.STALE
    turn = machine.memory.fleet.turn(CLUSTER, "host-1")
    assert turn is not None
    assert turn.deployment == request.deployment


def test_halted_deployment_holds_its_lease_for_a_week(machine: Machine) -> None:
    machine.host("host-2").breaks["1.0.1"] = AgentStage.SELF_TESTING
    machine.deploy("1.0.1")
    machine.memory.clock.sleep(7 * 86400)
    assert begun(machine, "1.0.2")[1].kind == "QUEUED"


def test_policy_may_forbid_approving_ones_own_request() -> None:
    machine = Machine(policy=Policy(approval=ApprovalGate.BEFORE_FIRST_HOST, approval_by_another=True))
    name = machine.deploy("1.0.0")
    own = Answer(Choice.APPROVE, "ada", "mine", machine.now)
    with pytest.raises(Refused, match="requires approval by another person"):
        approve(machine.context, CLUSTER, name, own)
    machine.approve(name, Choice.APPROVE)
    assert machine.record(name).state is DeploymentState.DONE


def test_expired_decision_is_refused_and_requested_again() -> None:
    machine = Machine(policy=Policy(decision_expires_seconds=600))
    machine.host("host-2").breaks["1.0.0"] = AgentStage.SELF_TESTING
    name = machine.deploy("1.0.0")
    machine.memory.clock.sleep(600)
    late = Answer(Choice.RETRY, "grace", "", machine.now)
    with pytest.raises(Refused, match=r"decision-host-2-1-0 expired at .*decide again"):
        decide(machine.context, CLUSTER, name, "host-2", 1, late)
    assert machine.run(name).question == "decision-host-2-1-1"
    machine.host("host-2").breaks.clear()
    machine.decide(name, Choice.RETRY, "host-2")
    assert machine.record(name).state is DeploymentState.DONE


def test_deployment_without_a_rollback_target_needs_an_override(machine: Machine) -> None:
    del machine.memory.artifacts._bytes["release/hello/1.0.0"]
    assert "there is no rollback target: version 1.0.0" in begun(machine, "1.0.1")[1].reason
    assert begun(machine, "1.0.1", overrides=(Override.NO_ROLLBACK_TARGET,))[1].kind == "PLANNED"


def test_version_or_host_is_quarantined_by_hand_and_released(machine: Machine) -> None:
    quarantine(machine.context, CLUSTER, "1.0.1", GRACE)
    assert "1.0.1 is quarantined: sale (by grace)" in begun(machine, "1.0.1")[1].reason
    lift_quarantine(machine.context, CLUSTER, "1.0.1", GRACE)
    quarantine(machine.context, CLUSTER, "host-2", GRACE)
    name, _ = begun(machine, "1.0.1")
    assert "host-2" not in machine.record(name).hosts
    with pytest.raises(Unknown, match="known: host-2"):
        lift_quarantine(machine.context, CLUSTER, "1.0.1", GRACE)
    with pytest.raises(Unknown, match=r"release '9\.9\.9' of hello not found"):
        quarantine(machine.context, CLUSTER, "9.9.9", GRACE)


def test_halted_deployment_ends_after_pause_and_abort(machine: Machine) -> None:
    machine.host("host-2").breaks["1.0.1"] = AgentStage.SELF_TESTING
    name = machine.deploy("1.0.1")
    waiting = machine.memory.deployments.questions(name)[0].token
    machine.memory.executions.waiting.add(waiting)
    for choice in (Choice.PAUSE, Choice.ABORT):
        answer_deployment(machine.context, CLUSTER, name, says(machine, choice))
    assert machine.memory.executions.waiting == set()
    machine.run(name)
    assert machine.record(name).state is DeploymentState.ABORTED


def test_pending_deployment_is_cancelled_and_not_rolled_back(machine: Machine) -> None:
    begun(machine, "1.0.1")
    second, _ = begun(machine, "1.0.2")
    with pytest.raises(Refused, match="has changed nothing; cancel it"):
        answer_deployment(machine.context, CLUSTER, second, says(machine, Choice.ROLL_BACK))
    answer_deployment(machine.context, CLUSTER, second, says(machine, Choice.ABORT))
    assert machine.record(second).state is DeploymentState.ABORTED
    assert machine.memory.queue.waiting(CLUSTER) is None


def test_removal_of_the_halted_host_resumes_the_rollout(machine: Machine) -> None:
    machine.host("host-2").breaks["1.0.1"] = AgentStage.SELF_TESTING
    name = machine.deploy("1.0.1")
    machine.memory.executions.waiting.add(machine.memory.deployments.questions(name)[0].token)
    remove_host(machine.context, CLUSTER, "host-2", GRACE, terminated=True)
    assert machine.memory.executions.waiting == set()
    machine.hosts.remove(machine.host("host-2"))
    machine.run(name)
    assert machine.record(name).state is DeploymentState.DONE


def _ended(machine: Machine) -> str:
    return machine.memory.deployments.recent(CLUSTER, 1)[0].id


def _pending(machine: Machine) -> str:
    begun(machine, "1.0.1")
    name, planned = begun(machine, "1.0.2")
    assert planned.kind == "QUEUED"
    return name


def _rollback(machine: Machine) -> str:
    bad = machine.deploy("1.0.1")
    return begun(machine, "1.0.0", kind=Kind.ROLLBACK, rollback_of=bad)[0]


def _first(machine: Machine) -> str:
    """Return a deployment that began before any version was verified."""
    name, _ = begun(machine, "1.0.1")
    machine.memory.deployments.put(replace(machine.record(name), previous=None))
    return name


@pytest.mark.parametrize(
    ("deployed", "why"),
    [
        (_ended, "it has ended: DONE; use `lifecycle rollback hello`"),
        (_pending, "it is pending and has changed nothing; cancel it instead"),
        (_rollback, "it is a rollback itself; abort it, and deploy the version that you want"),
        (_first, "no version was verified in production/hello before it"),
    ],
)
def test_deployment_that_cannot_be_rolled_back_says_why(
    machine: Machine, deployed: Callable[[Machine], str], why: str
) -> None:
    name = deployed(machine)
    before = machine.record(name)
    with pytest.raises(Refused, match=f"the rollback of {name}") as refused:
        request_rollback(machine.context, CLUSTER, name, says(machine, Choice.ROLL_BACK))
    assert why in str(refused.value)
    assert (machine.record(name), machine.memory.deployments.questions(name)) == (before, [])


def test_freeze_that_has_ended_before_it_begins_is_refused(machine: Machine) -> None:
    for until in (machine.now, machine.now - timedelta(minutes=1)):
        with pytest.raises(Refused, match="its end must be after 2026-11-23 12:00 UTC"):
            freeze(machine.context, "production", GRACE, until)
    assert list(machine.memory.freezes.all()) == []

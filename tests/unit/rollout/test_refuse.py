"""A plan that breaks before its deployment began leaves a record, a trail and nothing else."""

import pytest

from lifecycle.application.rollout.refuse import refuse_unplanned
from lifecycle.application.rollout.rollback import hand_over
from lifecycle.domain.fleet.host import AgentStage
from lifecycle.domain.monitoring.notifications import Change, notification_of
from lifecycle.domain.rollout.decision import Choice
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState, Kind
from tests.support.rollout import CLUSTER, Machine

WHY = "the plan failed: AccessDeniedException"


@pytest.fixture
def machine() -> Machine:
    made = Machine()
    made.deploy("1.0.0")
    made.memory.clock.sleep(1)
    return made


def handed_over(machine: Machine) -> Deployment:
    """Return a rollback to which a deployment has handed its lease over."""
    machine.host("host-2").breaks["1.0.1"] = AgentStage.SELF_TESTING
    name = machine.deploy("1.0.1")
    machine.stop_at = "ROLL_BACK"
    machine.decide(name, Choice.ROLL_BACK, "host-2")
    hand_over(machine.context, CLUSTER, name, "bad")
    return machine.memory.deployments.recent(CLUSTER, 1)[0]


def test_plan_that_fails_after_its_request_has_expired_is_recorded_too(machine: Machine) -> None:
    request = machine.request("1.0.1")
    machine.ask(request)
    machine.memory.clock.sleep(16 * 60)  # seven attempts of two minutes, and the waits between them
    assert refuse_unplanned(machine.context, request.deployment, WHY).outcome == "REFUSED"
    assert machine.record(request.deployment).state is DeploymentState.REFUSED


def test_deployment_without_a_record_is_recorded_as_refused_and_notified(machine: Machine) -> None:
    request = machine.request("1.0.1")
    machine.ask(request)
    assert refuse_unplanned(machine.context, request.deployment, WHY).outcome == "REFUSED"
    assert refuse_unplanned(machine.context, request.deployment, WHY).outcome == "REFUSED"
    record = machine.record(request.deployment)
    assert (record.state, record.reason, record.epoch) == (DeploymentState.REFUSED, WHY, 0)
    notification = notification_of(Change(None, record, machine.now))
    assert notification is not None
    assert WHY in notification.text
    assert [e.why for e in machine.memory.audit_log.read(CLUSTER) if e.deployment == request.deployment] == [WHY]


def test_deployment_that_holds_the_lease_is_left_to_convergence(machine: Machine) -> None:
    request = machine.request("1.0.1")
    machine.begin(request)
    before = machine.record(request.deployment)
    assert refuse_unplanned(machine.context, request.deployment, WHY).outcome == "LEFT"
    assert machine.record(request.deployment) == before


def test_pending_deployment_is_closed_and_leaves_its_slot(machine: Machine) -> None:
    machine.begin(machine.request("1.0.1"))
    machine.memory.clock.sleep(1)
    waiting = machine.request("1.0.2")
    assert machine.begin(waiting).kind == "QUEUED"
    assert refuse_unplanned(machine.context, waiting.deployment, WHY).outcome == "REFUSED"
    assert machine.record(waiting.deployment).state is DeploymentState.REFUSED
    assert machine.memory.queue.waiting(CLUSTER) is None


def test_decided_rollback_whose_lease_was_lost_is_left_to_convergence(machine: Machine) -> None:
    """Seed 244 of the simulation."""
    rollback = handed_over(machine)
    machine.memory.leases.set_back(CLUSTER, None)
    assert refuse_unplanned(machine.context, rollback.id, WHY).outcome == "LEFT"
    assert machine.record(rollback.id) == rollback


def test_ended_deployment_keeps_its_end(machine: Machine) -> None:
    (done,) = machine.memory.deployments.recent(CLUSTER, 1)
    assert isinstance(done, Deployment)
    assert refuse_unplanned(machine.context, done.id, WHY).outcome == "DONE"
    assert machine.record(done.id) == done


def test_repairs_that_break_one_after_another_are_recorded_once(machine: Machine) -> None:
    for _ in range(3):
        machine.memory.clock.sleep(900)
        repair = machine.request("1.0.0", Kind.CONVERGE)
        machine.ask(repair)
        assert refuse_unplanned(machine.context, repair.deployment, WHY).outcome == "REFUSED"
    refused = [d for d in machine.memory.deployments.recent(CLUSTER, 9) if d.state is DeploymentState.REFUSED]
    assert len(refused) == 1
    assert [entry.why for entry in machine.memory.audit_log.read(CLUSTER)].count(WHY) == 3


def test_refused_request_is_on_the_audit_log_in_the_name_of_its_author(machine: Machine) -> None:
    request = machine.request("9.9.9")
    planned = machine.begin(request)
    assert planned.kind == "REFUSED"
    (entry,) = [each for each in machine.memory.audit_log.read(CLUSTER) if each.deployment == request.deployment]
    assert (entry.what, entry.who, entry.why) == ("refused 9.9.9", "ada", planned.reason)


@pytest.mark.parametrize("deleted", [False, True])
def test_rollback_that_is_refused_after_all_frees_the_lease(machine: Machine, deleted: bool) -> None:  # noqa: FBT001
    """Its artifact is gone, and maybe the parameter of the desired version too."""
    rollback = handed_over(machine)
    machine.memory.artifacts._manifests.clear()
    if deleted:
        machine.memory.registry._desired.clear()
    planned = machine.begin(rollback.request)
    assert planned.kind == "REFUSED"
    assert machine.record(rollback.id).state is DeploymentState.REFUSED
    assert machine.memory.leases.current(CLUSTER).deployment == ""

"""Changes that a person makes beside Lifecycle are reported once, and hold convergence until somebody decides."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from lifecycle.application.convergence.report_once import REMINDED_AFTER
from lifecycle.application.rollout.desired_version import read_desired
from lifecycle.application.rollout.plan import preview
from lifecycle.application.rollout.rollback import rollback_target
from lifecycle.domain.errors import Refused
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.fleet.host import AgentStage
from lifecycle.domain.monitoring.audit import AuditEntry, AuditKind
from lifecycle.domain.rollout.decision import Choice
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState
from lifecycle.domain.rollout.lease import Lease
from lifecycle.domain.rollout.provenance import HandMade
from lifecycle.domain.service.target import Target
from lifecycle.domain.service.version import artifact_prefix
from tests.support.converging import converge
from tests.support.rollout import CLUSTER, Machine, manifest


@pytest.fixture
def machine() -> Machine:
    """A cluster with two verified versions: 1.0.0, then 1.0.1."""
    made = Machine()
    made.deploy("1.0.0")
    made.deploy("1.0.1")
    return made


def desired(machine: Machine) -> Desired:
    found = machine.memory.registry.desired(CLUSTER)
    assert found is not None
    return found


def edit(machine: Machine, **changes: object) -> None:
    machine.memory.registry.set_desired(CLUSTER, replace(desired(machine), **changes))  # type: ignore[arg-type]


def delete(machine: Machine) -> None:
    machine.memory.registry._desired.pop(CLUSTER)


def restore_older(machine: Machine) -> None:
    """Set an older version of the parameter again, as the console of SSM offers."""
    first = machine.memory.deployments.recent(CLUSTER, 2)[1]
    older = Desired(first.target.version, first.target.digest, first.epoch, first.id)
    machine.memory.registry.set_desired(CLUSTER, older)


def forget(machine: Machine) -> None:
    machine.memory.deployments._deployments.pop((CLUSTER, desired(machine).deployment))


def name_the_first(machine: Machine) -> None:
    first = machine.memory.deployments.recent(CLUSTER, 2)[1]
    edit(machine, version=first.target.version, digest=first.target.digest, deployment=first.id)


EDITS: dict[HandMade, list[Callable[[Machine], None]]] = {
    HandMade.DELETED: [delete],
    HandMade.UNRECORDED: [
        forget,
        lambda machine: edit(machine, deployment="hello-production-20261123120000-none"),
    ],
    HandMade.OTHER_TARGET: [
        lambda machine: edit(machine, version="1.0.2"),
        lambda machine: edit(machine, digest="0" * 64),
        lambda machine: edit(machine, version="1.0.0", digest=manifest("1.0.0").digest),
    ],
    HandMade.OLDER: [restore_older, name_the_first, lambda machine: edit(machine, epoch=1)],
    HandMade.NEVER_ISSUED: [lambda machine: edit(machine, epoch=99)],
}
CASES = [(kind, change) for kind, changes in EDITS.items() for change in changes]


def reported(machine: Machine) -> list[AuditEntry]:
    return [entry for entry in machine.memory.audit_log.entries if entry.kind is AuditKind.HAND_MADE]


@pytest.mark.parametrize(("kind", "change"), CASES)
def test_hand_made_desired_version_is_held_and_reported_once(
    machine: Machine, kind: HandMade, change: Callable[[Machine], None]
) -> None:
    change(machine)
    drifted = replace(machine.report("host-3"), installed="0.9.0", digest="other")
    machine.memory.fleet.write_report(CLUSTER, drifted)
    held, reason = converge(machine)
    assert (held, "desired is nobody's" in reason) == ("HOLD", True), (kind, reason)
    assert "lifecycle deploy hello" in reason
    assert machine.memory.executions.rollouts == {}
    converge(machine)
    (entry,) = reported(machine)
    assert entry.why == reason


@pytest.mark.parametrize(("kind", "change"), CASES)
def test_deploying_the_same_version_verifies_it_again(
    machine: Machine, kind: HandMade, change: Callable[[Machine], None]
) -> None:
    change(machine)
    found = preview(machine.context, machine.request("1.0.1"))
    assert (found.nothing_to_do, found.is_verified, found.desired_is_good) == (True, False, False), kind
    assert any("desired is nobody's" in warning for warning in found.warnings)
    name = machine.deploy("1.0.1")
    assert machine.record(name).state is DeploymentState.DONE
    assert desired(machine).deployment == name
    assert converge(machine) == ("CONVERGED", "every host serves 1.0.1")
    assert preview(machine.context, machine.request("1.0.1")).is_verified


def test_version_of_an_edit_can_be_taken_over(machine: Machine) -> None:
    edit(machine, version="1.0.2")
    assert "to take it over: lifecycle deploy hello 1.0.2" in converge(machine)[1]
    name = machine.deploy("1.0.2")
    assert set(machine.installed().values()) == {"1.0.2"}
    assert desired(machine).deployment == name
    assert converge(machine)[0] == "CONVERGED"


def test_same_edit_after_another_deployment_is_reported_again(machine: Machine) -> None:
    delete(machine)
    converge(machine)
    machine.deploy("1.0.2")
    delete(machine)
    converge(machine)
    assert len(reported(machine)) == 2


def test_edit_that_stays_is_reported_again_after_a_week(machine: Machine) -> None:
    edit(machine, version="1.0.2")
    converge(machine)
    machine.memory.clock.sleep((REMINDED_AFTER + timedelta(minutes=1)).total_seconds())
    converge(machine)
    assert len(reported(machine)) == 2


def test_version_given_back_before_the_first_host_is_the_deployments(machine: Machine) -> None:
    machine.stop_at = "UPDATE_HOSTS"
    name = machine.deploy("1.0.2")
    machine.stop_at = ""
    machine.memory.deployments._attempts.clear()
    machine.memory.executions.stopped.add(name)
    assert converge(machine)[0] == "ABORTED"
    assert desired(machine).version == "1.0.1"
    assert converge(machine) == ("CONVERGED", "every host serves 1.0.1")


def test_previous_version_set_by_hand_after_an_abort_is_nobodys(machine: Machine) -> None:
    """An abort leaves the hosts as they are; an edit must not undo it past the gates."""
    machine.host("host-4").breaks["1.0.2"] = AgentStage.SELF_TESTING
    machine.decide(machine.deploy("1.0.2"), Choice.ABORT, "host-4")
    second = machine.memory.deployments.recent(CLUSTER, 2)[1]
    edit(machine, version="1.0.1", digest=second.target.digest, deployment=second.id)
    held, reason = converge(machine)
    assert (held, "desired is nobody's" in reason) == ("HOLD", True), reason


def test_repair_of_new_hosts_does_not_write_a_deleted_desired_version(machine: Machine) -> None:
    delete(machine)
    machine.join("host-5")
    kind, reason = converge(machine)
    assert (kind, "1.0.1 was verified last" in reason) == ("REPAIR", True)
    machine.run_what_waited()
    assert machine.installed()["host-5"] == "1.0.1"
    assert machine.memory.registry.desired(CLUSTER) is None
    assert converge(machine)[0] == "HOLD"


def test_running_deployment_is_no_finding(machine: Machine) -> None:
    machine.host("host-4").breaks["1.0.2"] = AgentStage.SELF_TESTING
    machine.memory.executions.running.add(machine.deploy("1.0.2"))
    edit(machine, version="1.0.1")
    assert converge(machine)[0] == "HOLD"
    assert reported(machine) == []


def test_version_that_was_aborted_is_verified_by_deploying_it_again(machine: Machine) -> None:
    """Every host serves it by then, but its deployment did not end DONE, so convergence holds it."""
    machine.host("host-4").breaks["1.0.2"] = AgentStage.SELF_TESTING
    machine.decide(machine.deploy("1.0.2"), Choice.ABORT, "host-4")
    machine.host("host-4").breaks.clear()
    machine.deploy("1.0.2")
    aborted = machine.memory.deployments.recent(CLUSTER, 1)[0]
    machine.memory.deployments._deployments[CLUSTER, aborted.id] = replace(aborted, state=DeploymentState.ABORTED)
    assert converge(machine)[0] == "HOLD"
    name = machine.deploy("1.0.2")
    assert machine.record(name).state is DeploymentState.DONE
    assert converge(machine)[0] == "CONVERGED"


def test_deleted_manifest_of_the_desired_version_is_reported_once_instead_of_refused_repairs(
    machine: Machine,
) -> None:
    machine.memory.fleet.write_report(CLUSTER, replace(machine.report("host-3"), running=False))
    machine.memory.artifacts._manifests.pop(artifact_prefix("hello", "1.0.1"))
    for _ in range(2):
        kind, reason = converge(machine)
        assert (kind, "publish 1.0.1 again" in reason) == ("HOLD", True), reason
    assert machine.memory.executions.rollouts == {}
    assert len(reported(machine)) == 1


def test_deleted_decision_is_requested_again_when_the_execution_stops_waiting(machine: Machine) -> None:
    machine.host("host-4").breaks["1.0.2"] = AgentStage.SELF_TESTING
    name = machine.deploy("1.0.2")
    machine.memory.deployments._questions.clear()
    assert machine.run(name).kind == "AWAIT_HUMAN"  # its task token expires within an hour
    (asked,) = machine.memory.deployments.questions(name)
    assert asked.host == "host-4"


def test_deployment_that_begins_while_convergence_reads_is_no_finding(machine: Machine) -> None:
    """Found by the simulation: the parameter was written, and the record had no epoch yet."""
    read = machine.memory.registry.desired

    def after_a_plan_began(cluster: Cluster) -> Desired | None:
        machine.memory.registry.desired = read  # type: ignore[method-assign]
        lease = machine.memory.leases.acquire(CLUSTER, "hello-production-20261123130000-ab12", machine.now)
        queued = replace(machine.memory.deployments.recent(CLUSTER, 1)[0], epoch=0, state=DeploymentState.QUEUED)
        request = replace(queued.request, deployment=lease.deployment)
        machine.memory.deployments.put(replace(queued, request=request))
        edit(machine, epoch=lease.epoch, deployment=lease.deployment)
        return read(cluster)

    machine.memory.registry.desired = after_a_plan_began  # type: ignore[method-assign]
    converge(machine)
    assert reported(machine) == []


def refused_before(machine: Machine) -> None:
    """Leave the newest record to a deployment that never began."""
    machine.memory.clock.sleep(1)
    request = machine.request("1.0.2")
    begun = machine.memory.deployments.recent(CLUSTER, 1)[0]
    never = Deployment.not_begun(request, Target("1.0.2", ""), begun.policy, machine.now)
    machine.memory.deployments.put(replace(never, state=DeploymentState.REFUSED))


@pytest.mark.parametrize("before", [lambda _: None, refused_before], ids=["", "after a refusal"])
@pytest.mark.parametrize(("kind", "change"), [each for each in CASES if each[0] is not HandMade.UNRECORDED])
def test_rollback_undoes_the_last_deployment_and_not_what_somebody_wrote(
    machine: Machine, before: Callable[[Machine], None], kind: HandMade, change: Callable[[Machine], None]
) -> None:
    before(machine)
    last = desired(machine).deployment
    change(machine)
    found = rollback_target(machine.context, CLUSTER)
    assert (found.bad.id, found.bad.target.version, found.to.version) == (last, "1.0.1", "1.0.0"), kind


@pytest.mark.parametrize("change", EDITS[HandMade.UNRECORDED])
def test_rollback_of_an_unknown_deployment_is_refused_in_words(
    machine: Machine, change: Callable[[Machine], None]
) -> None:
    machine.deploy("1.0.2")
    change(machine)
    with pytest.raises(Refused, match="it is not known which deployment to undo"):
        rollback_target(machine.context, CLUSTER)


def test_version_of_a_plan_that_was_lost_with_its_lease_is_no_finding(machine: Machine) -> None:
    """Seed 10161 of the simulation: the plan wrote the version, and its record has no epoch yet."""
    request = machine.request("1.0.2")
    machine.begin(request)
    begun = machine.record(request.deployment)
    key = (CLUSTER, request.deployment)
    machine.memory.deployments._deployments[key] = replace(begun, epoch=0, state=DeploymentState.QUEUED)
    machine.memory.leases.set_back(CLUSTER, None)
    recent = machine.memory.deployments.recent(CLUSTER, 9)
    assert read_desired(machine.context, CLUSTER, Lease(), recent).nobodys is None


def test_deleted_version_is_found_where_its_record_does_not_count_hosts(machine: Machine) -> None:
    """Seed 18925 of the simulation; records of an older version have no count."""
    for key, each in machine.memory.deployments._deployments.items():
        machine.memory.deployments._deployments[key] = replace(each, host_count=0)
    machine.memory.registry._desired.clear()
    recent = machine.memory.deployments.recent(CLUSTER, 9)
    found = read_desired(machine.context, CLUSTER, machine.memory.leases.current(CLUSTER), recent).nobodys
    assert found is not None
    assert found.kind is HandMade.DELETED

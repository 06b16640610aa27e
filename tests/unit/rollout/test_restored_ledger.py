"""The ledger restored to an hour ago, while two deployments have happened since: nothing goes down, all is reported.

SSM and S3 are not restored with it, and the agents know the epochs that they have acted under.
"""

from dataclasses import replace

import pytest

from lifecycle.application.convergence.converge import Result, converge_all
from lifecycle.application.rollout.plan import begin
from lifecycle.application.rollout.rollback import rollback_target
from lifecycle.application.rollout.stage_guard import HostTask
from lifecycle.domain.errors import LifecycleError, Refused, Unknown
from lifecycle.domain.fleet.host import AgentStage
from lifecycle.domain.rollout.decision import Choice
from lifecycle.domain.rollout.deployment import DeploymentState, Kind
from lifecycle.domain.rollout.execution import ExecutionState
from lifecycle.domain.rollout.queue import PendingDeployment
from tests.support.restored_ledger import LedgerCopy
from tests.support.rollout import CHAIN, CLUSTER, Machine


def converge(machine: Machine) -> Result:
    return converge_all(machine.context, "abcd", "schedule")[0]


def drifting(machine: Machine) -> None:
    """Let a host lose its version, so that convergence has something to repair."""
    machine.memory.fleet.write_report(CLUSTER, replace(machine.report("host-3"), installed="0.9", digest="0" * 64))


@pytest.fixture
def restored(machine: Machine) -> Machine:
    """1.0.0 under epoch 1 was an hour ago; then came 1.0.1 under epoch 2 and 1.0.2 under epoch 3."""
    copy = LedgerCopy(machine)
    machine.deploy("1.0.1")
    machine.deploy("1.0.2")
    machine.memory.clock.sleep(3600)
    copy.put_back()
    assert machine.memory.leases.current(CLUSTER).epoch == 1
    assert set(machine.serving().values()) == {"1.0.2"}
    machine.rotations.clear()
    return machine


def assert_all_served(machine: Machine) -> None:
    """Check that at least three of four hosts were in rotation all the time."""
    assert all(sum(state.in_rotation for state in each.values()) >= 3 for each in machine.rotations)


def test_convergence_brings_no_older_version_back(restored: Machine) -> None:
    drifting(restored)
    found = converge(restored)
    assert found.kind == "HOLD"
    assert "version 1.0.2 names hello-production-" in found.reason
    assert "which has no record" in found.reason
    assert "to take it over: lifecycle deploy hello 1.0.2 -e production" in found.reason
    assert not restored.memory.executions.rollouts


def test_convergence_says_that_the_ledger_was_set_back_even_without_drift(restored: Machine) -> None:
    found = converge(restored)
    assert (found.kind, "which has no record" in found.reason) == ("HOLD", True)


def test_deploy_takes_a_higher_epoch_than_the_hosts_and_ends_the_difference(restored: Machine) -> None:
    drifting(restored)
    name = restored.deploy("1.0.2", reason="as before the restore")
    assert (restored.record(name).state, restored.record(name).epoch) == (DeploymentState.DONE, 4)
    drifting(restored)
    assert converge(restored).kind == "REPAIR"
    assert_all_served(restored)


def test_older_version_is_deployed_again_only_on_request(restored: Machine) -> None:
    name = restored.deploy("1.0.1", reason="1.0.2 is bad")
    assert (restored.record(name).state, restored.record(name).epoch) == (DeploymentState.DONE, 4)
    assert set(restored.serving().values()) == {"1.0.1"}
    assert_all_served(restored)


def test_rollback_names_what_the_ledger_still_knows(restored: Machine) -> None:
    """The ledger does not know what wrote 1.0.2, so there is nothing to undo; the refusal has the commands."""
    with pytest.raises(
        Refused, match=r"not known which deployment to undo.*to restore it: lifecycle deploy hello 1\.0\.0"
    ):
        rollback_target(restored.context, CLUSTER)


def test_restored_pending_deployment_is_dropped(machine: Machine) -> None:
    pending = machine.request("1.0.1")
    machine.memory.queue.replace(CLUSTER, None, PendingDeployment(pending, machine.now))
    copy = LedgerCopy(machine)
    machine.memory.queue.replace(CLUSTER, PendingDeployment(pending, machine.now), None)
    machine.deploy("1.0.2")
    copy.put_back()
    found = converge(machine)
    assert (found.kind, found.deployment) == ("DROP_PENDING", pending.deployment)
    assert "deploy it again if it is still wanted" in found.reason
    assert machine.record(pending.deployment).state is DeploymentState.REFUSED


def running(machine: Machine) -> tuple[str, LedgerCopy]:
    """Return a deployment with one host done, and a copy of the ledger of that moment."""
    machine.stop_at = "UPDATE_HOSTS"
    name = machine.deploy("1.0.1")
    assert machine.stopped is not None
    machine.update(name, str(machine.stopped.hosts[0]["host"]), 1)
    machine.stop_at = ""
    machine.passes[name] += 1  # the answer of that pass was not lost
    return name, LedgerCopy(machine)


def test_deployment_of_the_past_is_closed_and_does_not_go_on(machine: Machine) -> None:
    name, copy = running(machine)
    machine.run(name)
    machine.deploy("1.0.2")
    copy.put_back()
    machine.memory.executions.rollouts[name] = {}
    assert machine.context.executions.rollout_state(name) is ExecutionState.ENDED
    found = converge(machine)
    assert (found.kind, found.deployment) == ("CLOSE_ORPHANED", name)
    assert "has epoch 2, but the desired version has epoch 3: a store was set back" in found.reason
    assert machine.record(name).state is DeploymentState.STALE
    assert not machine.memory.leases.current(CLUSTER).deployment
    assert set(machine.serving().values()) == {"1.0.2"}
    assert machine.begin(machine.request("1.0.1")).epoch == 4


def test_execution_of_the_past_is_refused_at_its_plan(machine: Machine) -> None:
    name, copy = running(machine)
    request = machine.record(name).request
    machine.run(name)
    machine.deploy("1.0.2")
    copy.put_back()
    planned = begin(machine.context, request, f"{name}_2")
    assert (planned.kind, "a store was set back" in planned.reason) == ("REFUSED", True)
    assert set(machine.serving().values()) == {"1.0.2"}


def test_stage_of_the_past_drains_nothing(machine: Machine) -> None:
    name, copy = running(machine)
    machine.run(name)
    machine.deploy("1.0.2")
    copy.put_back()
    machine.rotations.clear()
    machine.update(name, "host-4", 1)
    attempt = next(a for a in machine.memory.deployments.attempts(name) if a.host == "host-4")
    assert "host-4 has acted under epoch 3" in attempt.reason
    assert all(len(each) == 4 and all(s.serves for s in each.values()) for each in machine.rotations)


def test_running_deployment_goes_on_where_its_hosts_are(machine: Machine) -> None:
    """The deployment still runs. The ledger has forgotten its second host, which serves the version already."""
    name, copy = running(machine)
    machine.stop_at = "UPDATE_HOSTS"
    second = str(machine.run(name).hosts[0]["host"])
    machine.update(name, second, 1)
    copy.put_back()
    machine.stop_at = ""
    machine.rotations.clear()
    assert machine.run(name).outcome == "DONE"
    assert set(machine.serving().values()) == {"1.0.1"}
    assert second not in {attempt.host for attempt in machine.memory.deployments.attempts(name)}
    assert_all_served(machine)


def test_running_deployment_halts_at_a_host_that_is_further_on_and_a_decision_goes_on(machine: Machine) -> None:
    """The ledger has forgotten that the second host was drained and updated, but not yet registered."""
    name, copy = running(machine)
    machine.stop_at = "UPDATE_HOSTS"
    second = str(machine.run(name).hosts[0]["host"])
    task = HostTask(CLUSTER, name, machine.record(name).epoch, second, 1)
    for stage in CHAIN[:3]:
        assert stage(machine.context, task).outcome == "PASSED"
    copy.put_back()
    machine.stop_at = ""
    machine.rotations.clear()
    step = machine.run(name)
    assert step.kind == "AWAIT_HUMAN"
    assert f"{second} has acted on attempt 1 to install, this is attempt 1 to prefetch: decide RETRY" in step.reason
    machine.decide(name, Choice.RETRY, second)
    assert machine.record(name).state is DeploymentState.DONE
    assert set(machine.serving().values()) == {"1.0.1"}
    assert_all_served(machine)


def test_execution_whose_deployment_is_gone_says_so_and_changes_nothing(machine: Machine) -> None:
    copy = LedgerCopy(machine)
    name, _ = running(machine)
    task = HostTask(CLUSTER, name, 2, "host-4", 1)
    copy.put_back()
    machine.rotations.clear()
    for stage in CHAIN:
        with pytest.raises(Unknown, match="See `lifecycle history hello`"):
            stage(machine.context, task)
    with pytest.raises(Unknown, match="See `lifecycle history hello`"):
        machine.run(name)
    assert len(machine.serving()) == 4


def test_answer_to_a_question_that_is_gone_is_refused(machine: Machine) -> None:
    copy = LedgerCopy(machine)
    machine.host("host-1").breaks["1.0.1"] = AgentStage.SELF_TESTING
    name = machine.deploy("1.0.1")
    copy.put_back()
    with pytest.raises(LifecycleError):
        machine.decide(name, Choice.RETRY)


def test_host_that_was_unreachable_during_the_restore_is_reported_and_not_stuck(machine: Machine) -> None:
    """Nothing that is left knows epoch 3 but an unreachable host."""
    copy, desired = LedgerCopy(machine), machine.memory.registry.desired(CLUSTER)
    machine.deploy("1.0.1")
    machine.deploy("1.0.2")
    known = machine.report("host-2")
    assert desired is not None
    machine.memory.registry.set_desired(CLUSTER, desired)
    copy.put_back(reporting=False)
    for host in machine.hosts:
        machine.memory.fleet.write_report(CLUSTER, replace(machine.report(host.name), seen_at=machine.now))
    request = machine.request("1.0.1")
    assert machine.begin(request).epoch == 2
    machine.memory.fleet.write_report(CLUSTER, replace(known, seen_at=machine.now))
    machine.update(request.deployment, "host-2", 1)
    attempt = machine.memory.deployments.attempts(request.deployment)[0]
    assert "host-2 has acted under epoch 3" in attempt.reason
    machine.run(request.deployment)
    machine.decide(request.deployment, Choice.ABORT, "host-2")
    again = machine.deploy("1.0.1")
    assert (machine.record(again).state, machine.record(again).epoch) == (DeploymentState.DONE, 4)


@pytest.mark.parametrize("back_to", [1, 2])
def test_desired_version_that_was_set_back_is_not_repaired_to(machine: Machine, back_to: int) -> None:
    """SSM alone is restored: its desired version is older than what the ledger has deployed since."""
    desired = [machine.memory.registry.desired(CLUSTER)]
    for version in ("1.0.1", "1.0.2"):
        machine.deploy(version)
        desired.append(machine.memory.registry.desired(CLUSTER))
    older = desired[back_to - 1]
    assert older is not None
    machine.memory.registry.set_desired(CLUSTER, older)
    found = converge(machine)
    assert found.kind == "HOLD"
    assert f"of epoch {back_to} was set again after a newer deployment" in found.reason
    assert set(machine.serving().values()) == {"1.0.2"}
    drifting(machine)
    assert machine.record(machine.deploy("1.0.2", Kind.DEPLOY)).epoch == 4
    assert converge(machine).kind == "CONVERGED"


def test_report_of_one_host_holds_no_convergence(machine: Machine) -> None:
    drifting(machine)
    machine.memory.fleet.write_report(CLUSTER, replace(machine.report("host-1"), epoch=9))
    assert converge(machine).kind == "REPAIR"


def test_reports_of_most_hosts_hold_convergence_where_all_stores_were_restored(machine: Machine) -> None:
    copy, desired = LedgerCopy(machine), machine.memory.registry.desired(CLUSTER)
    machine.deploy("1.0.1")
    assert desired is not None
    machine.memory.registry.set_desired(CLUSTER, desired)
    copy.put_back()
    found = converge(machine)
    assert found.kind == "HOLD"
    assert "the ledger has epoch 1, but the report of most hosts has epoch 2" in found.reason
    assert set(machine.serving().values()) == {"1.0.1"}


def test_new_host_gets_no_older_version_from_a_restored_ledger(restored: Machine) -> None:
    restored.join("host-9")
    assert converge(restored).kind == "HOLD"

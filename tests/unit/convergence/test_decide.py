"""Convergence repairs only towards a known good version, and only when no deployment runs."""

from dataclasses import replace

import pytest

from lifecycle.application.rollout.finish import finish
from lifecycle.application.rollout.rollback import hand_over
from lifecycle.domain.convergence.decide import HAND_OVER_TIMEOUT, PLAN_TIMEOUT
from lifecycle.domain.fleet.host import AgentStage
from lifecycle.domain.fleet.target_group import TargetState
from lifecycle.domain.rollout.decision import Choice
from lifecycle.domain.rollout.deployment import DeploymentState, Kind
from lifecycle.domain.rollout.lease import Lease
from tests.support.converging import converge
from tests.support.rollout import CLUSTER, Machine


@pytest.fixture
def machine() -> Machine:
    made = Machine()
    made.deploy("1.0.0")
    return made


def test_cluster_without_drift_is_not_changed(machine: Machine) -> None:
    assert converge(machine) == ("CONVERGED", "every host serves 1.0.0")
    assert machine.memory.executions.rollouts == {}


def test_drift_is_named_and_repaired_by_its_own_deployment(machine: Machine) -> None:
    drifted = replace(machine.report("host-3"), digest="other", installed="0.9.0")
    machine.memory.fleet.write_report(CLUSTER, drifted)
    kind, reason = converge(machine)
    assert (kind, "host-3 has 0.9.0 installed" in reason) == ("REPAIR", True)
    (given,) = machine.memory.executions.rollouts.values()
    recorded = machine.memory.requests.find(given["deployment"])
    assert recorded is not None
    assert (recorded.request.kind, recorded.request.version) == (Kind.CONVERGE, "1.0.0")


def test_repair_touches_only_the_drifted_host(machine: Machine) -> None:
    machine.memory.fleet.write_report(CLUSTER, replace(machine.report("host-3"), digest="x", boot="y"))
    boots = {host.name: host.boots for host in machine.hosts}
    name = machine.deploy("1.0.0", Kind.CONVERGE)
    assert machine.record(name).state is DeploymentState.DONE
    assert {h.name: h.boots - boots[h.name] for h in machine.hosts} == {
        "host-1": 0, "host-2": 0, "host-3": 1, "host-4": 0,
    }  # fmt: skip


def test_dead_service_is_drift(machine: Machine) -> None:
    machine.memory.fleet.write_report(CLUSTER, replace(machine.report("host-2"), running=False))
    assert "host-2 runs nothing: its service does not run" in converge(machine)[1]


def test_host_out_of_rotation_is_drift(machine: Machine) -> None:
    del machine.memory.dispatcher.states[CLUSTER][machine.host("host-2").address]
    assert "host-2 is out of rotation" in converge(machine)[1]


def test_aborted_version_is_not_repaired_to(machine: Machine) -> None:
    machine.host("host-4").breaks["1.0.1"] = AgentStage.SELF_TESTING
    machine.decide(machine.deploy("1.0.1"), Choice.ABORT, "host-4")
    kind, reason = converge(machine)
    assert (kind, "is ABORTED" in reason) == ("HOLD", True)


def test_running_deployment_is_left_alone(machine: Machine) -> None:
    machine.host("host-4").breaks["1.0.1"] = AgentStage.SELF_TESTING
    machine.memory.executions.running.add(machine.deploy("1.0.1"))
    assert converge(machine)[0] == "HOLD"


def test_rollback_with_a_new_lease_is_about_to_begin(machine: Machine) -> None:
    """Found by the fault injection: convergence came before the retry that starts it, so two executions ran."""
    machine.host("host-2").breaks["1.0.1"] = AgentStage.SELF_TESTING
    name = machine.deploy("1.0.1")
    rollback = str(hand_over(machine.context, CLUSTER, name, "as I see it").input["deployment"])
    assert converge(machine) == ("HOLD", f"{rollback} is about to begin")
    machine.memory.clock.sleep(HAND_OVER_TIMEOUT.total_seconds())
    assert converge(machine)[0] == "RESUME"


def test_deployment_with_an_ended_execution_is_resumed(machine: Machine) -> None:
    machine.host("host-4").breaks["1.0.1"] = AgentStage.SELF_TESTING
    name = machine.deploy("1.0.1")
    assert converge(machine)[0] == "RESUME"
    assert machine.memory.executions.rollouts[f"{name}_2"]["deployment"] == name


def test_skipped_host_is_not_repaired(machine: Machine) -> None:
    machine.host("host-4").breaks["1.0.1"] = AgentStage.SELF_TESTING
    machine.decide(machine.deploy("1.0.1"), Choice.SKIP_HOST, "host-4")
    assert converge(machine)[0] == "CONVERGED"
    assert machine.memory.dispatcher.states[CLUSTER].get("127.0.10.4", TargetState.ABSENT) is TargetState.ABSENT


def test_quarantined_version_is_not_repaired_to(machine: Machine) -> None:
    machine.memory.fleet.write_report(CLUSTER, replace(machine.report("host-3"), digest="other"))
    machine.memory.fleet.quarantine(CLUSTER, "1.0.0", "rolled back by ada")
    assert "quarantined" in converge(machine)[1]


def test_lease_of_an_ended_holder_is_freed(machine: Machine) -> None:
    done = machine.memory.deployments.recent(CLUSTER, 1)[0]
    machine.memory.leases.acquire(CLUSTER, done.id, machine.now)
    assert converge(machine)[0] == "FREE_LEASE"
    assert machine.memory.leases.current(CLUSTER).deployment == ""


def test_lease_of_a_holder_without_a_record_is_freed_after_the_plan_timeout(machine: Machine) -> None:
    machine.memory.leases.acquire(CLUSTER, "hello-production-20261123120000-lost", machine.now)
    assert converge(machine)[0] == "HOLD"
    machine.memory.clock.sleep(16 * 60)
    assert converge(machine)[0] == "FREE_LEASE"


def test_second_finish_frees_the_lease_that_a_crash_left(machine: Machine) -> None:
    machine.host("host-4").breaks["1.0.1"] = AgentStage.SELF_TESTING
    name = machine.deploy("1.0.1")
    record = machine.record(name)
    machine.memory.deployments.put(replace(record, state=DeploymentState.ABORTED, reason="decided"))
    finish(machine.context, CLUSTER, name, DeploymentState.ABORTED, "again")
    assert machine.memory.leases.current(CLUSTER).deployment == ""
    assert machine.record(name).reason == "decided"


def test_deployment_stopped_by_hand_is_closed_and_not_resumed(
    machine: Machine,
) -> None:
    machine.host("host-4").breaks["1.0.1"] = AgentStage.SELF_TESTING
    name = machine.deploy("1.0.1")
    machine.memory.executions.stopped.add(name)
    assert converge(machine)[0] == "ABORTED"
    assert machine.record(name).state is DeploymentState.ABORTED
    assert machine.memory.leases.current(CLUSTER).deployment == ""
    assert converge(machine)[0] == "HOLD"


def test_unused_lease_is_freed_after_the_plan_timeout(machine: Machine) -> None:
    machine.memory.leases._leases[CLUSTER] = Lease(7, "hello-production-20261123120000-lost", machine.now)
    assert converge(machine)[0] == "HOLD"
    machine.memory.clock.sleep(PLAN_TIMEOUT.total_seconds())
    assert converge(machine)[0] == "FREE_LEASE"

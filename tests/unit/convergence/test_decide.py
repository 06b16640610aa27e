"""Convergence repairs only what is known to be good, and only when nobody else is at work."""

from dataclasses import replace

import pytest

from lifecycle.application.convergence.converge import converge_all
from lifecycle.application.rollout.finish import finish
from lifecycle.application.rollout.rollback import hand_over
from lifecycle.domain.convergence.decide import HAND_OVER_TIMEOUT, PLAN_TIMEOUT
from lifecycle.domain.fleet.host import Stage
from lifecycle.domain.fleet.target_group import TargetState
from lifecycle.domain.rollout.decision import Choice
from lifecycle.domain.rollout.deployment import DeploymentState, Kind
from lifecycle.domain.rollout.lease import Lease
from tests.support.rollout import CLUSTER, Machine


@pytest.fixture
def machine() -> Machine:
    made = Machine()
    made.deploy("1.0.0")
    return made


def converge(machine: Machine) -> tuple[str, str]:
    machine.memory.clock.sleep(1)
    found = converge_all(machine.context, "abcd", "schedule")[0]
    return found.kind, found.reason


def test_a_cluster_in_its_place_is_left_alone(machine: Machine) -> None:
    assert converge(machine) == ("CONVERGED", "every host serves 1.0.0")
    assert machine.memory.executions.rollouts == {}


def test_drift_is_named_and_repaired_by_a_deployment_of_its_own(machine: Machine) -> None:
    drifted = replace(machine.report("host-3"), digest="other", installed="0.9.0")
    machine.memory.fleet.write_report(CLUSTER, drifted)
    kind, reason = converge(machine)
    assert (kind, "host-3 has 0.9.0 installed" in reason) == ("REPAIR", True)
    (payload,) = machine.memory.executions.rollouts.values()
    assert (payload["kind"], payload["version"]) == ("CONVERGE", "1.0.0")


def test_the_repair_touches_the_drifted_host_only(machine: Machine) -> None:
    machine.memory.fleet.write_report(CLUSTER, replace(machine.report("host-3"), digest="x", boot="y"))
    boots = {host.name: host.boots for host in machine.hosts}
    name = machine.deploy("1.0.0", Kind.CONVERGE)
    assert machine.record(name).state is DeploymentState.DONE
    assert {h.name: h.boots - boots[h.name] for h in machine.hosts} == {
        "host-1": 0, "host-2": 0, "host-3": 1, "host-4": 0,
    }  # fmt: skip


def test_a_service_that_died_is_drift(machine: Machine) -> None:
    machine.memory.fleet.write_report(CLUSTER, replace(machine.report("host-2"), running=False))
    assert "host-2 its service does not run" in converge(machine)[1]


def test_a_host_that_fell_out_of_rotation_is_drift(machine: Machine) -> None:
    del machine.memory.dispatcher.states[CLUSTER][machine.host("host-2").address]
    assert "host-2 is absent in the load balancer" in converge(machine)[1]


def test_an_aborted_version_is_not_brought_further(machine: Machine) -> None:
    machine.host("host-4").breaks["1.0.1"] = Stage.SELF_TESTING
    machine.decide(machine.deploy("1.0.1"), Choice.ABORT, "host-4")
    kind, reason = converge(machine)
    assert (kind, "is ABORTED" in reason) == ("HOLD", True)


def test_a_running_deployment_is_left_alone(machine: Machine) -> None:
    machine.host("host-4").breaks["1.0.1"] = Stage.SELF_TESTING
    machine.memory.executions.running.add(machine.deploy("1.0.1"))
    assert converge(machine)[0] == "HOLD"


def test_a_rollback_that_was_handed_the_lease_just_now_is_about_to_begin(machine: Machine) -> None:
    """Found by the fault-injection suite: convergence came before the retry that starts it, and then there were two of it."""
    machine.host("host-2").breaks["1.0.1"] = Stage.SELF_TESTING
    name = machine.deploy("1.0.1")
    heir = str(hand_over(machine.context, CLUSTER, name, "as I see it").input["deployment"])
    assert converge(machine) == ("HOLD", f"{heir} is about to begin")
    machine.memory.clock.sleep(HAND_OVER_TIMEOUT.total_seconds())
    assert converge(machine)[0] == "RESUME"


def test_a_deployment_whose_execution_ended_is_resumed_under_the_same_name(machine: Machine) -> None:
    machine.host("host-4").breaks["1.0.1"] = Stage.SELF_TESTING
    name = machine.deploy("1.0.1")
    assert converge(machine)[0] == "RESUME"
    assert machine.memory.executions.rollouts[f"{name}_2"]["deployment"] == name


def test_a_skipped_host_is_not_repaired_behind_the_operators_back(machine: Machine) -> None:
    machine.host("host-4").breaks["1.0.1"] = Stage.SELF_TESTING
    machine.decide(machine.deploy("1.0.1"), Choice.SKIP_HOST, "host-4")
    assert converge(machine)[0] == "CONVERGED"
    assert (
        machine.memory.dispatcher.states[CLUSTER].get("127.0.10.4", TargetState.ABSENT) is TargetState.ABSENT
    )


def test_a_quarantined_version_is_not_brought_back(machine: Machine) -> None:
    machine.memory.fleet.write_report(CLUSTER, replace(machine.report("host-3"), digest="other"))
    machine.memory.fleet.quarantine(CLUSTER, "1.0.0", "rolled back by ada")
    assert "quarantined" in converge(machine)[1]


def test_a_lease_whose_holder_has_ended_is_freed(machine: Machine) -> None:
    done = machine.memory.deployments.recent(CLUSTER, 1)[0]
    machine.memory.leases.acquire(CLUSTER, done.id, machine.now)
    assert converge(machine)[0] == "FREE_LEASE"
    assert machine.memory.leases.current(CLUSTER).deployment == ""


def test_a_lease_whose_holder_never_began_is_freed_after_a_while(machine: Machine) -> None:
    machine.memory.leases.acquire(CLUSTER, "hello-production-20261123120000-lost", machine.now)
    assert converge(machine)[0] == "HOLD"
    machine.memory.clock.sleep(16 * 60)
    assert converge(machine)[0] == "FREE_LEASE"


def test_finishing_twice_frees_a_lease_that_a_crash_left(machine: Machine) -> None:
    machine.host("host-4").breaks["1.0.1"] = Stage.SELF_TESTING
    name = machine.deploy("1.0.1")
    record = machine.record(name)
    machine.memory.deployments.put(replace(record, state=DeploymentState.ABORTED, reason="as told"))
    finish(machine.context, CLUSTER, name, DeploymentState.ABORTED, "again")
    assert machine.memory.leases.current(CLUSTER).deployment == ""
    assert machine.record(name).reason == "as told"


def test_a_deployment_whose_execution_was_stopped_by_hand_does_not_come_back_to_life(
    machine: Machine,
) -> None:
    machine.host("host-4").breaks["1.0.1"] = Stage.SELF_TESTING
    name = machine.deploy("1.0.1")
    machine.memory.executions.stopped.add(name)
    assert converge(machine)[0] == "ABORTED"
    assert machine.record(name).state is DeploymentState.ABORTED
    assert machine.memory.leases.current(CLUSTER).deployment == ""
    assert converge(machine)[0] == "HOLD"


def test_a_lease_that_nobody_ever_used_is_freed_after_a_while(machine: Machine) -> None:
    machine.memory.leases._leases[CLUSTER] = Lease(7, "hello-production-20261123120000-lost", machine.now)
    assert converge(machine)[0] == "HOLD"
    machine.memory.clock.sleep(PLAN_TIMEOUT.total_seconds())
    assert converge(machine)[0] == "FREE_LEASE"

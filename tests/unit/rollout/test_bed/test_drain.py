"""Drains of hosts that are in a test group."""

import pytest

from lifecycle.application.rollout import stages
from lifecycle.application.rollout.host_commands import prefetch
from lifecycle.domain.fleet.target_group import Group, TargetState
from tests.support.rollout import CLUSTER, Machine


def test_fenced_drain_does_not_touch_the_test_bed_of_the_new_deployment(machine: Machine) -> None:
    """Found by the simulation: it still waited for the host to leave, which came back into a test bed."""
    machine.memory.clock.sleep(1)
    request = machine.request("1.0.1")
    machine.begin(request)
    address = machine.host("host-1").address
    beds = machine.memory.dispatcher.test_groups.setdefault((CLUSTER, Group.TEST_BED), {})

    def fence() -> None:
        if machine.memory.dispatcher.states[CLUSTER].get(address) is TargetState.DRAINING:
            machine.memory.leases.hand_over(CLUSTER, machine.memory.leases.current(CLUSTER), "another", machine.now)
            del machine.memory.dispatcher.states[CLUSTER][address]
            beds[address] = TargetState.HEALTHY

    machine.memory.clock.ticks.insert(0, fence)
    task = machine.hand_out(request.deployment, "host-1")
    assert stages.drain(machine.context, task).outcome == "STALE"
    assert beds[address] is TargetState.HEALTHY


def test_drain_from_a_test_group_is_recorded_when_the_main_group_drained_before(machine: Machine) -> None:
    """Found by the simulation: the host was in no group at the check, and in a test group after it."""
    machine.memory.clock.sleep(1)
    request = machine.request("1.0.1")
    machine.begin(request)
    current, memory = machine.record(request.deployment), machine.memory
    memory.fleet.give_turns(CLUSTER, [prefetch(current, "host-1", 1, machine.now)])
    memory.clock.sleep(1)
    address = machine.host("host-1").address
    memory.dispatcher.states[CLUSTER][address] = TargetState.DRAINING
    memory.dispatcher.test_groups.setdefault((CLUSTER, Group.TEST_BED), {})[address] = TargetState.HEALTHY
    task = machine.hand_out(request.deployment, "host-1")
    assert stages.drain(machine.context, task).outcome == "PASSED"
    assert "drain" in [entry.what for entry in memory.audit_log.read(CLUSTER) if entry.host == "host-1"]


@pytest.mark.parametrize("state", [TargetState.HEALTHY, TargetState.UNHEALTHY, TargetState.INITIAL])
def test_drain_takes_a_host_out_of_a_test_group_too(machine: Machine, state: TargetState) -> None:
    machine.memory.clock.sleep(1)
    request = machine.request("1.0.1")
    machine.begin(request)
    address = machine.host("host-1").address
    beds = machine.memory.dispatcher.test_groups.setdefault((CLUSTER, Group.TEST_BED), {})
    beds[address] = state
    machine.memory.dispatcher.dead |= {address} if state is TargetState.UNHEALTHY else set()
    task = machine.hand_out(request.deployment, "host-1")
    assert stages.drain(machine.context, task).outcome == "PASSED"
    assert address not in beds
    assert address not in machine.memory.dispatcher.states[CLUSTER]

"""A new machine has the address of one that was terminated: the old host is removed, and the new one serves on."""

from dataclasses import replace

import pytest

from lifecycle.application.fleet.remove_host import remove_host
from lifecycle.application.operator_command import RequestedBy
from lifecycle.domain.fleet.target_group import TargetState
from tests.support.converging import converge
from tests.support.rollout import CLUSTER, Machine


@pytest.mark.parametrize("terminated", [True, False])
def test_removed_host_takes_no_other_host_of_its_address_out(*, terminated: bool) -> None:
    machine = Machine()
    machine.deploy("1.0.0")
    old = machine.host("host-1")
    old.silent = True
    machine.memory.dispatcher.deregister(CLUSTER, old.address)
    machine.memory.clock.sleep(60)
    new = machine.join("host-9")
    new.address = old.address
    machine.memory.fleet.write_report(CLUSTER, replace(machine.report("host-9"), address=old.address))
    assert converge(machine)[0] == "REPAIR"
    machine.run_what_waited()

    remove_host(machine.context, CLUSTER, "host-1", RequestedBy("ada", "gone"), terminated=terminated)

    assert machine.memory.dispatcher.target(CLUSTER, new.address) is TargetState.HEALTHY
    assert "host-1" not in machine.memory.fleet.reports(CLUSTER)
    machine.hosts.remove(old)
    assert converge(machine) == ("CONVERGED", "every host serves 1.0.0")


@pytest.fixture
def renamed() -> Machine:
    machine = Machine()
    machine.deploy("1.0.0")
    old = machine.host("host-1")
    old.silent = True
    report = machine.report("host-1")
    machine.join("host-9").address = old.address
    machine.memory.clock.sleep(5)
    adopted = replace(report, host="host-9", agent_started_at=machine.now, seen_at=machine.now)
    machine.memory.fleet.write_report(CLUSTER, adopted)
    for _ in range(60):
        machine.memory.clock.sleep(60)  # an hour: host-1 is unreachable since
    return machine


def test_removal_of_the_unreachable_host_leaves_the_living_one_in_rotation(renamed: Machine) -> None:
    _, reason = converge(renamed)
    assert "remove the host that is gone" in reason
    remove_host(renamed.context, CLUSTER, "host-1", RequestedBy("ada", "renamed"))
    place = renamed.context.dispatcher.target(CLUSTER, renamed.host("host-9").address)
    assert place is TargetState.HEALTHY
    assert converge(renamed)[0] == "CONVERGED"

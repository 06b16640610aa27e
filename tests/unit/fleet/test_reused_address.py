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

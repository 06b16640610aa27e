"""Open faults of hosts that misbehave: each of these tests fails today, and says what must hold."""

from dataclasses import replace

import pytest

from lifecycle.domain.fleet.host import AgentStage, ServiceEnd
from lifecycle.domain.fleet.target_group import TargetState
from lifecycle.domain.rollout.decision import Choice
from tests.support.converging import converge
from tests.support.rollout import CLUSTER, Machine


@pytest.mark.xfail(strict=True, reason="a host that is registered nowhere may be one that a failed attempt left out")
def test_host_that_boots_with_another_address_after_an_abort_is_started_again() -> None:
    machine = Machine()
    machine.deploy("1.0.0")
    machine.host("host-1").breaks["1.0.1"] = AgentStage.SELF_TESTING
    machine.decide(machine.deploy("1.0.1"), Choice.ABORT, "host-1")
    host, report = machine.host("host-2"), machine.report("host-2")
    assert report.installed == "1.0.1"
    host.address = "127.0.77.2"
    end = ServiceEnd(machine.now, "", report.boot, booted=True)
    booted = replace(report, address=host.address, running=False, boot="", ended=end)
    machine.memory.fleet.write_report(CLUSTER, booted)
    assert converge(machine)[0] == "REPAIR"


@pytest.mark.xfail(strict=True, reason="hosts are known by their address, so the drain of one takes out the other")
def test_agent_with_the_address_of_another_host_does_not_take_that_one_out() -> None:
    machine = Machine()
    machine.deploy("1.0.0")
    address = machine.host("host-1").address
    second = machine.join("host-5")
    second.address, second.breaks["1.0.0"] = address, AgentStage.INSTALLING  # the port is taken there
    machine.memory.fleet.write_report(CLUSTER, replace(machine.report("host-5"), address=address))
    if converge(machine)[0] == "REPAIR":
        machine.run_what_waited()
    assert machine.memory.dispatcher.target(CLUSTER, address) is TargetState.HEALTHY

"""A machine that is gone has no part in a shared outage, and serves nobody: its last report says nothing of now."""

from dataclasses import replace

import pytest

from lifecycle.domain.fleet.target_group import TargetState
from lifecycle.domain.monitoring.audit import AuditKind
from tests.support.converging import converge
from tests.support.rollout import CLUSTER, Machine


def wait(machine: Machine) -> None:
    for _ in range(70):
        machine.memory.clock.sleep(1)


def outages(machine: Machine) -> list[str]:
    return [each.what for each in machine.memory.audit_log.entries if each.kind is AuditKind.OUTAGE]


def test_hung_host_is_repaired_beside_a_machine_that_is_gone() -> None:
    machine = Machine()
    machine.deploy("1.0.0")
    machine.host("host-1").silent = True
    machine.memory.dispatcher.dead |= {machine.host(each).address for each in ("host-1", "host-2")}
    wait(machine)
    kind, reason = converge(machine)
    assert (kind, outages(machine)) == ("REPAIR", []), reason


def test_two_machines_that_are_gone_are_called_unreachable() -> None:
    machine = Machine()
    machine.deploy("1.0.0")
    for each in ("host-1", "host-2"):
        machine.host(each).silent = True
        machine.memory.dispatcher.dead.add(machine.host(each).address)
    wait(machine)
    _, reason = converge(machine)
    assert "unreachable since" in reason
    assert "services run unchanged" not in reason


def test_workers_whose_agents_are_unreachable_are_no_shared_outage() -> None:
    """operating.md: "its agent is unreachable; the worker may work | start the agent, or `lifecycle remove-host`"."""
    machine = Machine(http=False)
    machine.deploy("1.0.0")
    machine.host("host-1").silent = machine.host("host-2").silent = True
    wait(machine)
    _, reason = converge(machine)
    assert "start its agent, or remove the host" in reason
    assert outages(machine) == []


def test_terminated_machine_whose_address_was_reused_makes_no_outage_of_one_unhealthy_host() -> None:
    """Two records, one target: the new machine alone is unhealthy."""
    machine = Machine()
    machine.deploy("1.0.0")
    old = machine.host("host-1")
    old.silent = True
    machine.memory.dispatcher.deregister(CLUSTER, old.address)
    wait(machine)
    machine.join("host-9").address = old.address
    machine.memory.fleet.write_report(CLUSTER, replace(machine.report("host-9"), address=old.address))
    assert converge(machine)[0] == "REPAIR"
    machine.run_what_waited()
    wait(machine)
    machine.memory.dispatcher.dead.add(old.address)
    wait(machine)
    kind, reason = converge(machine)
    assert (kind, "host-9" in reason) == ("REPAIR", True), reason


@pytest.mark.parametrize("gone", [True, False])
def test_machine_that_is_gone_serves_nobody(*, gone: bool) -> None:
    machine = Machine()
    machine.deploy("1.0.0")
    machine.host("host-1").silent = True
    machine.memory.dispatcher.dead |= {host.address for host in machine.hosts}
    if not gone:  # its agent has said that the service ended, before it became unreachable
        machine.memory.fleet.write_report(CLUSTER, replace(machine.report("host-1"), running=False))
    for _ in range(70):
        machine.memory.clock.sleep(1)
    answering = [9]

    def count() -> None:
        states = machine.context.dispatcher.targets(CLUSTER)
        hosts = [host for host in machine.hosts if host.name != "host-1"]
        answering.append(sum(states.get(host.address, TargetState.ABSENT).in_rotation for host in hosts))

    machine.memory.clock.ticks.append(count)
    name = machine.deploy("1.0.1")
    found = machine.memory.deployments.get(CLUSTER, name)
    assert min(answering) >= 3, f"{min(answering)} of 4 hosts answer; {found.reason if found else 'refused'}"

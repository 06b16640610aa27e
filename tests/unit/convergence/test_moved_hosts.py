"""Hosts whose agent has another port than before: convergence moves them through the chain, one at a time."""

from dataclasses import replace

import pytest

from lifecycle.domain.rollout.deployment import DeploymentState
from tests.support.converging import converge
from tests.support.rollout import CLUSTER, Machine


def deployed(hosts: int) -> Machine:
    machine = Machine(hosts)
    machine.deploy("1.0.0")
    return machine


def places(machine: Machine) -> set[str]:
    return {str(each) for each in machine.context.dispatcher.registered(CLUSTER)}


def move(machine: Machine, port: int = 9090) -> None:
    for host in machine.hosts:
        host.port = port
    machine.memory.clock.sleep(30)


@pytest.mark.parametrize("hosts", [1, 4])
def test_hosts_that_all_changed_their_port_move_one_at_a_time(hosts: int) -> None:
    machine = deployed(hosts)
    move(machine)
    kind, reason = converge(machine)
    assert kind == "REPAIR"
    assert "host-1 serves at 127.0.10.1:8080, and its agent is set to 127.0.10.1:9090" in reason

    before = len(machine.rotations)
    name = machine.run_what_waited()
    assert machine.record(name).state is DeploymentState.DONE
    assert places(machine) == {f"{host.address}:9090" for host in machine.hosts}
    serving = [sum(state.serves for state in each.values()) for each in machine.rotations[before:]]
    assert min(serving) == hosts - 1
    assert converge(machine)[0] == "CONVERGED"


def test_host_whose_service_ended_moves_too() -> None:
    machine = deployed(1)
    machine.memory.fleet.write_report(CLUSTER, replace(machine.report("host-1"), running=False))
    move(machine)
    assert converge(machine)[0] == "REPAIR"
    machine.run_what_waited()
    assert places(machine) == {"127.0.10.1:9090"}


def test_host_that_lost_its_disk_and_has_another_port_leaves_its_old_place() -> None:
    """Nothing tells where it was registered, so all that is registered at its address leaves with its drain."""
    machine = deployed(1)
    lost = replace(machine.report("host-1"), installed="", digest="", boot="", running=False, self_test=None)
    machine.memory.fleet.write_report(CLUSTER, lost)
    machine.memory.dispatcher.dead.add("127.0.10.1")
    move(machine)
    assert machine.report("host-1").port == 9090
    assert converge(machine)[0] == "REPAIR"
    machine.memory.dispatcher.dead.clear()
    name = machine.run_what_waited()
    assert machine.record(name).state is DeploymentState.DONE
    assert places(machine) == {"127.0.10.1:9090"}


def test_deployment_moves_a_host() -> None:
    machine = deployed(1)
    move(machine)
    name = machine.deploy("1.0.1")
    assert machine.record(name).state is DeploymentState.DONE
    assert places(machine) == {"127.0.10.1:9090"}


@pytest.mark.parametrize("hosts", [2, 4])
def test_hosts_whose_machines_got_other_addresses_while_their_services_ran_move_too(hosts: int) -> None:
    """All are unhealthy together, but no shared dependency is down: nobody reaches them at their old addresses."""
    machine = deployed(hosts)
    for host in machine.hosts:
        machine.memory.dispatcher.dead.add(host.address)
        host.address = host.address.replace("127.0.", "127.1.")
    machine.memory.clock.sleep(30)
    assert converge(machine)[0] == "REPAIR"
    name = machine.run_what_waited()
    assert machine.record(name).state is DeploymentState.DONE
    assert places(machine) == {f"{host.address}:8080" for host in machine.hosts}


def test_port_that_changes_during_a_shared_outage_moves_no_host() -> None:
    machine = deployed(4)
    machine.memory.dispatcher.dead |= {host.address for host in machine.hosts}
    move(machine)
    assert converge(machine)[0] == "HOLD"

"""All services of a cluster end together: each host is tried, and all serve again soon after the cause is over."""

from dataclasses import replace
from datetime import timedelta

import pytest

from lifecycle.application.rollout.plan import preview
from lifecycle.domain.convergence.failed_repairs import LONGEST_IN_OUTAGE
from lifecycle.domain.fleet.host import AgentStage
from lifecycle.domain.fleet.target_group import TargetState
from lifecycle.domain.rollout.capacity import Floor, refuse_drain, without_dead
from lifecycle.domain.rollout.deployment import DeploymentState
from tests.support.converging import converge
from tests.support.rollout import CLUSTER, Machine
from tests.unit.convergence.test_crash_loop import ends
from tests.unit.convergence.test_fallen_in_service import fail_checks

MINUTE = 60


@pytest.fixture
def machine() -> Machine:
    """A cluster whose services have all ended, and do not pass their self-tests."""
    made = Machine()
    made.memory.clock.ticks.append(lambda: fail_checks(made))
    made.deploy("1.0.0")
    for host in made.hosts:
        host.breaks["1.0.0"] = AgentStage.SELF_TESTING
        ends(made, host.name)
    made.memory.clock.sleep(1)
    made.memory.clock.sleep(1)  # the load balancer finds that
    return made


def repair(machine: Machine) -> list[str]:
    """Converge until nothing is to repair now; return the hosts whose repair has failed."""
    failed = []
    while converge(machine)[0] == "REPAIR":
        ended = machine.record(machine.run_what_waited())
        if ended.state is not DeploymentState.DONE:
            failed.append(ended.failed_host)
    return failed


def test_each_host_is_tried_though_none_is_healthy(machine: Machine) -> None:
    assert sorted(repair(machine)) == [host.name for host in machine.hosts]


def test_dead_service_counts_for_nothing_when_another_host_is_drained(machine: Machine) -> None:
    reports = machine.memory.fleet.reports(CLUSTER)
    rotation = dict.fromkeys(reports, TargetState.UNHEALTHY) | {"host-1": TargetState.ABSENT}
    floor = Floor(frozenset(reports), 1)
    assert refuse_drain("host-2", rotation, floor) is not None
    assert refuse_drain("host-2", without_dead(rotation, reports, unreachable=()), floor) is None
    healthy = dict.fromkeys(reports, TargetState.HEALTHY)  # workers of a dead service may answer
    assert without_dead(healthy, reports, unreachable=()) == healthy


def test_deployment_of_a_fix_begins_with_the_hosts_that_run_nothing(machine: Machine) -> None:
    alive = machine.report("host-1")
    machine.memory.fleet.write_report(CLUSTER, replace(alive, running=True, boot=alive.ended.boot, ended=None))  # type: ignore[union-attr]
    machine.memory.dispatcher.dead.add(machine.host("host-1").address)
    found = preview(machine.context, machine.request("1.0.1"))
    assert found.blockers == ()
    assert found.hosts[-1].host == "host-1"


def test_all_hosts_serve_again_soon_after_a_long_outage(machine: Machine) -> None:
    for _ in range(180):
        repair(machine)
        machine.memory.clock.sleep(MINUTE)
    for host in machine.hosts:
        host.breaks.clear()

    over = machine.now
    while len(machine.serving()) < len(machine.hosts):
        repair(machine)
        machine.memory.clock.sleep(MINUTE)
    assert machine.now - over < timedelta(minutes=LONGEST_IN_OUTAGE + 5)


def test_repair_that_passes_ends_the_long_pauses_of_the_others(machine: Machine) -> None:
    machine.host("host-1").breaks.clear()
    repair(machine)
    assert len(machine.serving()) == 1
    for _ in range(240):
        repair(machine)
        machine.memory.clock.sleep(MINUTE)
    for host in machine.hosts:
        host.breaks.clear()

    ends(machine, "host-1")
    machine.memory.clock.sleep(2)
    assert repair(machine) == []
    assert len(machine.serving()) == len(machine.hosts)

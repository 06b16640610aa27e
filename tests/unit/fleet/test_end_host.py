"""Auto Scaling ends instances: each is drained first, whatever its event says, and however often."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from lifecycle.application.fleet.end_host import CAPACITY_WAIT, ENDS, end_host
from lifecycle.application.fleet.remove_host import remove_host
from lifecycle.application.operator_command import RequestedBy
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.target_group import TargetState
from tests.support.converging import converge
from tests.support.rollout import CLUSTER, Machine


@pytest.fixture
def machine() -> Machine:
    """Return four hosts of an Auto Scaling group that serve 1.0.0."""
    made = Machine()
    made.memory.machines.groups[CLUSTER] = {host.name: host.address for host in made.hosts}
    made.deploy("1.0.0")
    return made


def ends(machine: Machine, *hosts: str) -> None:
    """Let Auto Scaling begin to end these instances."""
    machine.memory.machines.ending.update(hosts)


def states(machine: Machine) -> dict[str, TargetState]:
    return {host.name: machine.memory.dispatcher.target(CLUSTER, host.address) for host in machine.hosts}


def test_host_is_drained_before_its_instance_ends(machine: Machine) -> None:
    ends(machine, "host-4")
    end_host(machine.context, CLUSTER, "host-4")
    assert states(machine)["host-4"] is TargetState.ABSENT
    assert machine.memory.machines.ended == ["host-4"]
    assert [state for host, state in states(machine).items() if host != "host-4"] == [TargetState.HEALTHY] * 3
    assert machine.memory.fleet.quarantined_hosts(CLUSTER) == {"host-4": ENDS}
    did = [each.what for each in machine.memory.audit_log.entries if each.host == "host-4"][-2:]
    assert did == ["quarantine host-4", "drain"]


def test_repeated_event_changes_nothing(machine: Machine) -> None:
    ends(machine, "host-4")
    end_host(machine.context, CLUSTER, "host-4")
    written = len(machine.memory.audit_log.entries)
    end_host(machine.context, CLUSTER, "host-4")
    assert len(machine.memory.audit_log.entries) == written
    assert machine.memory.machines.ended == ["host-4"]


@pytest.mark.parametrize("host", ["host-4", "i-unknown", ""])
def test_event_about_a_host_that_auto_scaling_does_not_end_changes_nothing(machine: Machine, host: str) -> None:
    before = states(machine)
    result = end_host(machine.context, CLUSTER, host)
    assert "nothing to do" in result.message
    assert (states(machine), machine.memory.fleet.quarantined_hosts(CLUSTER)) == (before, {})


def test_event_of_a_cluster_without_a_group_changes_nothing(machine: Machine) -> None:
    ends(machine, "host-4")
    assert "nothing to do" in end_host(machine.context, Cluster("staging", "hello"), "host-4").message
    assert states(machine)["host-4"] is TargetState.HEALTHY


def test_late_event_after_the_instance_has_ended_changes_nothing(machine: Machine) -> None:
    ends(machine, "host-4")
    end_host(machine.context, CLUSTER, "host-4")
    del machine.memory.machines.groups[CLUSTER]["host-4"]
    remove_host(machine.context, CLUSTER, "host-4", RequestedBy("auto-scaling", ""), terminated=True)
    end_host(machine.context, CLUSTER, "host-4")
    assert machine.memory.fleet.quarantined_hosts(CLUSTER) == {}
    assert "host-4" not in machine.memory.fleet.reports(CLUSTER)


def test_instance_that_never_reported_ends_at_once(machine: Machine) -> None:
    machine.memory.machines.groups[CLUSTER]["i-new"] = "10.9.9.9"
    ends(machine, "i-new")
    end_host(machine.context, CLUSTER, "i-new")
    assert machine.memory.machines.ended == ["i-new"]
    assert machine.memory.fleet.quarantined_hosts(CLUSTER) == {}


def meanwhile(machine: Machine, act: Callable[[], object], after: timedelta = timedelta()) -> None:
    """Run something at the first pause after this time."""
    sleep, left, at = machine.memory.clock.sleep, [act], machine.memory.clock.now() + after

    def pause(seconds: float) -> None:
        if left and machine.memory.clock.now() >= at:
            left.pop()()
        sleep(seconds)

    machine.memory.clock.sleep = pause  # type: ignore[method-assign]


def test_host_waits_while_a_rollout_has_another_one_out(machine: Machine) -> None:
    planned = machine.begin(machine.request("1.0.1"))
    assert planned.kind == "PLANNED"
    name = machine.memory.leases.current(CLUSTER).deployment
    step = machine.decide_next(name)
    [first] = [str(each["host"]) for each in step.hosts]
    last = next(host.name for host in machine.hosts if host.name != first)
    ends(machine, last)
    meanwhile(machine, lambda: machine.update(name, first, 1))
    began = machine.memory.clock.now()
    end_host(machine.context, CLUSTER, last)
    others = {host.name for host in machine.hosts} - {last}
    assert states(machine) == {**dict.fromkeys(others, TargetState.HEALTHY), last: TargetState.ABSENT}
    assert machine.memory.clock.now() - began < CAPACITY_WAIT
    assert machine.run(name).kind == "FINISH"
    assert machine.report(last).installed == "1.0.0"


@pytest.mark.parametrize("after", [timedelta(), CAPACITY_WAIT + timedelta(minutes=1)])
def test_host_that_a_rollout_updates_is_drained_again_after_it(machine: Machine, after: timedelta) -> None:
    machine.begin(machine.request("1.0.1"))
    name = machine.memory.leases.current(CLUSTER).deployment
    first = str(machine.decide_next(name).hosts[0]["host"])
    ends(machine, first)
    meanwhile(machine, lambda: machine.update(name, first, 1), after)
    end_host(machine.context, CLUSTER, first)
    assert states(machine)[first] is TargetState.ABSENT
    assert (machine.report(first).installed, machine.memory.machines.ended) == ("1.0.1", [first])


def test_instance_ends_anyway_so_it_is_drained_where_the_rollout_does_not_come_back(machine: Machine) -> None:
    machine.begin(machine.request("1.0.1"))
    step = machine.decide_next(machine.memory.leases.current(CLUSTER).deployment)  # and nothing carries it on
    out = str(step.hosts[0]["host"])
    machine.memory.dispatcher.deregister(CLUSTER, machine.host(out).address)
    last = next(host.name for host in machine.hosts if host.name != out)
    ends(machine, last)
    began = machine.memory.clock.now()
    end_host(machine.context, CLUSTER, last)
    assert states(machine)[last] is TargetState.ABSENT
    assert CAPACITY_WAIT <= machine.memory.clock.now() - began < 2 * CAPACITY_WAIT


def test_smaller_group_ends_hosts_one_by_one_and_the_cluster_stays_converged(machine: Machine) -> None:
    for host in ("host-4", "host-3"):
        ends(machine, host)
        end_host(machine.context, CLUSTER, host)
        del machine.memory.machines.groups[CLUSTER][host]
        remove_host(machine.context, CLUSTER, host, RequestedBy("auto-scaling", ""), terminated=True)
        machine.hosts.remove(machine.host(host))
    assert converge(machine) == ("CONVERGED", "every host serves 1.0.0")
    assert machine.memory.machines.protected == set()


def test_instances_are_protected_while_a_deployment_works_on_them(machine: Machine) -> None:
    machine.begin(machine.request("1.0.1"))
    assert machine.memory.machines.protected == {CLUSTER}
    machine.run(machine.memory.leases.current(CLUSTER).deployment)
    converge(machine)
    assert machine.memory.machines.protected == set()


def test_lost_event_of_a_terminated_instance_is_made_up_for_by_convergence(machine: Machine) -> None:
    machine.host("host-4").silent = True
    machine.memory.dispatcher.deregister(CLUSTER, machine.host("host-4").address)
    machine.memory.fleet.bind(CLUSTER, machine.memory.machines.groups[CLUSTER])
    del machine.memory.machines.groups[CLUSTER]["host-4"]
    machine.memory.clock.sleep(300)
    converge(machine)
    assert "host-4" in machine.memory.fleet.reports(CLUSTER)
    machine.memory.clock.sleep(900)
    converge(machine)
    assert "host-4" not in machine.memory.fleet.reports(CLUSTER)


def test_requests_of_a_host_whose_records_were_removed_are_waited_for(machine: Machine) -> None:
    """Found by the simulation: nobody knew its address any more, and its instance ended before its requests."""
    last = machine.hosts[-1]
    last.silent = True
    machine.memory.clock.sleep(90)
    del machine.memory.machines.groups[CLUSTER][last.name]
    remove_host(machine.context, CLUSTER, last.name, RequestedBy("ada", "it is gone"), terminated=True)
    machine.memory.machines.groups[CLUSTER][last.name] = ""  # EC2 does not say its address any more
    ends(machine, last.name)
    assert states(machine)[last.name] is TargetState.DRAINING
    end_host(machine.context, CLUSTER, last.name)
    assert states(machine)[last.name] is TargetState.ABSENT
    assert machine.memory.machines.ended == [last.name]


@pytest.mark.parametrize(("settles", "seconds"), [(True, 10.0), (False, 0.0)])
def test_drained_host_serves_on_for_the_settle_time(machine: Machine, *, settles: bool, seconds: float) -> None:
    ends(machine, "host-4")
    machine.memory.dispatcher.deregister(CLUSTER, machine.host("host-4").address)
    before = machine.now
    end_host(replace(machine.context, settles=settles), CLUSTER, "host-4")
    assert machine.memory.machines.ended == ["host-4"]
    assert (machine.now - before).total_seconds() == pytest.approx(seconds, abs=1.0)

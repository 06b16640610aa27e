"""Operators quarantine versions and hosts, and remove hosts; each command is recorded before its effect."""

import pytest

from lifecycle.application.fleet.quarantine import lift_quarantine, quarantine
from lifecycle.application.fleet.remove_host import remove_host
from lifecycle.application.operator_command import CommandResult, RequestedBy
from lifecycle.domain.errors import Refused, Unknown
from lifecycle.domain.fleet.target_group import TargetState
from tests.support.rollout import CLUSTER, Machine

GRACE = RequestedBy("grace", "slow disk")


def last_entry(machine: Machine) -> tuple[str, str, str, str]:
    entry = machine.memory.audit_log.entries[-1]
    return entry.what, entry.who, entry.why, entry.host


def gone(machine: Machine, host: str) -> str:
    """Switch a host off and wait until it is unreachable; return its address."""
    address = machine.host(host).address
    machine.host(host).silent = True
    machine.memory.dispatcher.states[CLUSTER].pop(address, None)
    machine.memory.clock.sleep(machine.context.heartbeat_timeout.total_seconds() + 1)
    return address


def test_host_is_quarantined_as_a_host_and_a_version_as_a_version(machine: Machine) -> None:
    assert quarantine(machine.context, CLUSTER, "host-1", GRACE).message == f"host host-1 of {CLUSTER} is quarantined"
    assert machine.memory.fleet.quarantined_hosts(CLUSTER) == {"host-1": "slow disk (by grace)"}
    assert last_entry(machine) == ("quarantine host-1", "grace", "slow disk", "")
    assert (
        quarantine(machine.context, CLUSTER, "1.0.1", GRACE).message == f"version 1.0.1 of {CLUSTER} is quarantined"
    )
    assert machine.memory.fleet.quarantined(CLUSTER) == {"1.0.1": "slow disk (by grace)"}


def test_unknown_version_is_not_quarantined(machine: Machine) -> None:
    with pytest.raises(Unknown, match=r"release '9\.9\.9' of hello not found"):
        quarantine(machine.context, CLUSTER, "9.9.9", GRACE)
    assert machine.memory.fleet.quarantined(CLUSTER) == {}


@pytest.mark.parametrize("name", ["host-1", "1.0.1"])
def test_quarantine_is_lifted(machine: Machine, name: str) -> None:
    quarantine(machine.context, CLUSTER, name, GRACE)
    result = lift_quarantine(machine.context, CLUSTER, name, GRACE)
    assert result == CommandResult(f"{name} of {CLUSTER} is no longer quarantined", (str(CLUSTER),))
    assert last_entry(machine)[0] == f"lift the quarantine of {name}"
    assert {**machine.memory.fleet.quarantined(CLUSTER), **machine.memory.fleet.quarantined_hosts(CLUSTER)} == {}


def test_what_is_not_quarantined_cannot_be_lifted(machine: Machine) -> None:
    quarantine(machine.context, CLUSTER, "1.0.1", GRACE)
    quarantine(machine.context, CLUSTER, "host-2", GRACE)
    with pytest.raises(Unknown, match=f"quarantine of host-1 in {CLUSTER} not found; known: 1.0.1, host-2"):
        lift_quarantine(machine.context, CLUSTER, "host-1", GRACE)


def test_terminated_host_is_removed_with_its_target_and_its_quarantine(machine: Machine) -> None:
    machine.deploy("1.0.1")
    quarantine(machine.context, CLUSTER, "host-2", GRACE)
    address = machine.host("host-2").address
    remove_host(machine.context, CLUSTER, "host-2", GRACE, terminated=True)
    assert last_entry(machine) == ("remove host-2", "grace", "slow disk", "host-2")
    assert machine.memory.fleet.report(CLUSTER, "host-2") is None
    assert machine.memory.fleet.quarantined_hosts(CLUSTER) == {}
    assert not machine.memory.dispatcher.target(CLUSTER, address).serves


def test_host_that_shows_no_sign_of_life_is_removed(machine: Machine) -> None:
    machine.deploy("1.0.1")
    gone(machine, "host-2")
    result = remove_host(machine.context, CLUSTER, "host-2", GRACE)
    assert result == CommandResult(f"host-2 is no longer a host of {CLUSTER}", (str(CLUSTER),))
    assert machine.memory.fleet.report(CLUSTER, "host-2") is None


def test_host_whose_agent_reported_just_in_time_is_not_removed(machine: Machine) -> None:
    machine.deploy("1.0.1")
    address = machine.host("host-2").address
    machine.host("host-2").silent = True
    machine.memory.dispatcher.states[CLUSTER].pop(address, None)
    left = machine.context.heartbeat_timeout - (machine.now - machine.report("host-2").seen_at)
    machine.memory.clock.sleep(left.total_seconds())
    with pytest.raises(Refused, match=r"its agent reported at .* or host-2 would come back") as refused:
        remove_host(machine.context, CLUSTER, "host-2", GRACE)
    assert len(refused.value.reasons) == 1
    assert machine.memory.fleet.report(CLUSTER, "host-2") is not None


def test_host_that_serves_is_not_removed_for_both_reasons(machine: Machine) -> None:
    machine.deploy("1.0.1")
    with pytest.raises(Refused) as refused:
        remove_host(machine.context, CLUSTER, "host-2", GRACE)
    assert len(refused.value.reasons) == 2
    assert machine.memory.dispatcher.target(CLUSTER, machine.host("host-2").address) is TargetState.HEALTHY


def test_unknown_host_is_not_removed(machine: Machine) -> None:
    with pytest.raises(Unknown, match=f"host 'host-9' of {CLUSTER} not found. See `lifecycle hosts hello`"):
        remove_host(machine.context, CLUSTER, "host-9", GRACE)

"""Two hosts that report one address and port: none of them takes the place of the other."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from lifecycle.domain.fleet.host import AgentStage, HostReport, SelfTest, UnreadableReport
from lifecycle.domain.fleet.places import in_own_places
from lifecycle.domain.fleet.target_group import TargetState
from tests.support.converging import converge
from tests.support.rollout import CLUSTER, Machine

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
EMPTY = HostReport("host-5", "10.0.0.1", 8080, "a", NOW, NOW - timedelta(hours=1))
PASSED = SelfTest(passed=True, digest="d", boot="b", detail="")
SERVING = replace(EMPTY, host="host-1", installed="1.0.0", digest="d", boot="b", running=True, self_test=PASSED)


def strangers(*reports: HostReport) -> list[str]:
    """Return the hosts without a place of their own."""
    found = in_own_places({each.host: each for each in reports})
    assert list(found) == [each.host for each in reports]
    return [host for host, each in found.items() if isinstance(each, UnreadableReport)]


def test_place_belongs_to_the_host_whose_service_passed_its_self_test_there() -> None:
    assert strangers(SERVING, EMPTY) == ["host-5"]
    assert strangers(EMPTY, SERVING) == ["host-5"]


def test_place_of_several_empty_hosts_belongs_to_none() -> None:
    others = [replace(EMPTY, host=f"host-{n}") for n in range(1, 4)]
    assert strangers(*others) == ["host-1", "host-2", "host-3"]


def test_place_of_two_serving_hosts_belongs_to_none() -> None:
    assert strangers(SERVING, replace(SERVING, host="host-2"), EMPTY) == ["host-1", "host-2", "host-5"]


def test_another_port_is_another_place() -> None:
    assert strangers(SERVING, replace(EMPTY, port=8081)) == []


def test_services_without_ports_share_an_address() -> None:
    assert strangers(replace(SERVING, port=0), replace(EMPTY, port=0)) == []


def test_machine_may_get_the_address_of_one_that_was_terminated_before() -> None:
    later = replace(EMPTY, seen_at=NOW + timedelta(hours=1), agent_started_at=NOW + timedelta(minutes=1))
    assert strangers(SERVING, later) == []


def test_host_that_joined_just_now_is_in_the_place_of_one_whose_next_report_is_due() -> None:
    joined = replace(EMPTY, seen_at=NOW + timedelta(seconds=20), agent_started_at=NOW + timedelta(seconds=20))
    assert strangers(SERVING, joined) == ["host-5"]


def test_report_says_which_other_host_has_its_place() -> None:
    found = in_own_places({each.host: each for each in (SERVING, EMPTY)})["host-5"]
    assert isinstance(found, UnreadableReport)
    assert "10.0.0.1:8080" in found.why
    assert "host-1" in found.why


def test_agent_with_the_address_of_another_host_does_not_take_that_one_out() -> None:
    machine = Machine()
    machine.deploy("1.0.0")
    address = machine.host("host-1").address
    second = machine.join("host-5")
    second.address, second.breaks["1.0.0"] = address, AgentStage.INSTALLING  # the port is taken there
    machine.memory.fleet.write_report(CLUSTER, replace(machine.report("host-5"), address=address))
    assert converge(machine)[0] == "HOLD"
    assert machine.memory.dispatcher.target(CLUSTER, address) is TargetState.HEALTHY


def test_plan_counts_a_host_in_the_place_of_another_as_one_that_does_not_serve() -> None:
    machine = Machine()
    machine.deploy("1.0.0")
    address = machine.host("host-1").address
    machine.join("host-5").address = address
    machine.memory.fleet.write_report(CLUSTER, replace(machine.report("host-5"), address=address))
    refused = machine.begin(machine.request("1.0.1"))
    assert refused.kind == "REFUSED"
    assert "host-5 is absent" in refused.reason
    assert machine.memory.dispatcher.target(CLUSTER, address) is TargetState.HEALTHY

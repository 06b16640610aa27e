"""Two hosts that report one address: none of them takes the place of the other."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from lifecycle.domain.fleet.host import AgentStage, HostReport, SelfTest, ServiceEnd, UnreadableReport
from lifecycle.domain.fleet.places import in_own_places
from lifecycle.domain.fleet.target_group import TargetState
from lifecycle.domain.service.policy import Policy
from tests.support.converging import converge
from tests.support.rollout import CLUSTER, Machine
from tests.unit.convergence.test_crash_loop import ends

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
    other = replace(SERVING, host="host-2", boot="another", self_test=replace(PASSED, boot="another"))
    assert strangers(SERVING, other, EMPTY) == ["host-1", "host-2", "host-5"]


def test_another_port_makes_no_other_place() -> None:
    assert strangers(SERVING, replace(EMPTY, port=8081)) == ["host-5"]


def test_place_of_a_host_whose_service_ended_or_is_installed_stays_its_own() -> None:
    ended = replace(SERVING, running=False, boot="", ended=ServiceEnd(NOW, "exit code 3", "b"))
    installing = replace(SERVING, running=False, boot="", self_test=None)
    assert strangers(ended, EMPTY) == strangers(installing, EMPTY) == ["host-5"]


def test_place_of_an_agent_that_was_restarted_under_another_name_is_that_of_its_newest_report() -> None:
    renamed = replace(SERVING, host="host-9", seen_at=NOW + timedelta(seconds=20), agent_started_at=NOW)
    assert strangers(SERVING, renamed) == ["host-1"]


def test_machine_may_get_the_address_of_one_that_was_terminated_before() -> None:
    later = replace(EMPTY, seen_at=NOW + timedelta(hours=1), agent_started_at=NOW + timedelta(minutes=1))
    assert strangers(SERVING, later) == []


def test_host_that_joined_just_now_is_in_the_place_of_one_whose_next_report_is_due() -> None:
    joined = replace(EMPTY, seen_at=NOW + timedelta(seconds=20), agent_started_at=NOW + timedelta(seconds=20))
    assert strangers(SERVING, joined) == ["host-5"]


def test_report_says_which_other_host_has_its_place() -> None:
    found = in_own_places({each.host: each for each in (SERVING, EMPTY)})["host-5"]
    assert isinstance(found, UnreadableReport)
    assert "10.0.0.1" in found.why
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


def intruder(machine: Machine) -> None:
    """Let an agent join that is set to the address of another host, and whose version fails there."""
    second = machine.join("host-5")
    second.address = machine.host("host-1").address
    second.breaks["1.0.1"] = AgentStage.SELF_TESTING
    machine.memory.fleet.write_report(CLUSTER, replace(machine.report("host-5"), address=second.address))


def drained(machine: Machine) -> list[str]:
    return [f"{each.host}: {each.why}" for each in machine.memory.audit_log.entries if each.what == "drain"]


def test_agent_that_joins_a_rollout_with_the_address_of_another_host_takes_that_one_out() -> None:
    machine = Machine()
    machine.deploy("1.0.0")
    machine.memory.clock.sleep(1)
    request = machine.request("1.0.1")
    assert machine.begin(request).kind == "PLANNED"
    intruder(machine)
    machine.run(request.deployment)
    assert not [each for each in drained(machine) if each.startswith("host-5")]
    place = machine.context.dispatcher.target(CLUSTER, machine.host("host-1").address)
    assert place is TargetState.HEALTHY, "host-1 was never updated, serves 1.0.0, and is out of rotation now"


def test_deployment_that_tolerates_one_unreachable_host_takes_the_owner_out() -> None:
    machine = Machine(policy=Policy(max_unavailable=2, min_alive_seconds=0))
    machine.deploy("1.0.0")
    intruder(machine)
    machine.deploy("1.0.1")
    assert not [each for each in drained(machine) if each.startswith("host-5")]


def test_owner_of_a_place_is_started_again_when_its_service_ends() -> None:
    machine = Machine()
    machine.deploy("1.0.0")
    second = machine.join("host-5")
    second.address = machine.host("host-1").address
    machine.memory.fleet.write_report(CLUSTER, replace(machine.report("host-5"), address=second.address))
    machine.memory.clock.sleep(1)
    assert "host-1: host-1 reports" not in converge(machine)[1]  # it is the owner

    ends(machine, "host-1")
    machine.memory.dispatcher.dead.add(second.address)
    machine.memory.clock.sleep(1)
    kind, reason = converge(machine)
    assert (kind, "host-1 runs nothing" in reason) == ("REPAIR", True), reason


def test_agent_whose_clock_was_ahead_does_not_take_the_owner_of_its_place_out() -> None:
    machine = Machine()
    machine.deploy("1.0.0")
    address = machine.host("host-1").address
    second = machine.join("host-5")
    second.address, second.breaks["1.0.0"] = address, AgentStage.INSTALLING
    machine.memory.clock.sleep(60)
    ahead = replace(machine.report("host-5"), address=address, agent_started_at=machine.now + timedelta(hours=1))
    machine.memory.fleet.write_report(CLUSTER, replace(ahead, skew=3600.0))
    if converge(machine)[0] == "REPAIR":
        machine.run_what_waited()
    assert machine.memory.dispatcher.target(CLUSTER, address) is TargetState.HEALTHY

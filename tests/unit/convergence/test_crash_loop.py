"""A service that ends is repaired at once; one that ends again and again, less and less often."""

from dataclasses import replace
from datetime import timedelta

import pytest

from lifecycle.application.convergence.converge import Result, converge_all
from lifecycle.domain.convergence.crash_loop import LONGEST_MINUTES, STEADY_MINUTES, CrashLoop, crash_loops
from lifecycle.domain.errors import InvalidEvent
from lifecycle.domain.fleet.host import AgentStage, ServiceEnd
from lifecycle.domain.monitoring.audit import AuditKind
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState, Kind
from lifecycle.entrypoints.events import Converge
from lifecycle.entrypoints.handler import parse
from tests.support.rollout import CLUSTER, Machine

MINUTE = timedelta(minutes=1)


@pytest.fixture
def machine() -> Machine:
    made = Machine()
    made.deploy("1.0.0")
    return made


def ends(machine: Machine, host: str = "host-2", how: str = "exit code 3", *, booted: bool = False) -> None:
    """Let the service of a host end now."""
    report = machine.report(host)
    end = ServiceEnd(machine.now, how, report.boot, booted, log_tail="no such table")
    machine.memory.fleet.write_report(CLUSTER, replace(report, running=False, boot="", ended=end))


def stream_event(*clusters: str) -> dict[str, object]:
    return {"Records": [{"dynamodb": {"Keys": {"pk": {"S": f"REPORTS#{each}"}}}} for each in clusters]}


def converge(machine: Machine) -> Result:
    """Converge as the ledger's stream does; run the repair, if one begins."""
    machine.memory.clock.sleep(1)
    asked = parse(Converge, stream_event(str(CLUSTER)))
    (only,) = asked.named()
    suffix = f"{len(machine.memory.executions.rollouts):04x}"
    (found,) = converge_all(machine.context, suffix, asked.requested_by, only, asked.ended())
    if found.kind == "REPAIR":
        machine.run_what_waited()
    return found


def reported(machine: Machine) -> list[str]:
    return [each.why for each in machine.memory.audit_log.entries if each.kind is AuditKind.CRASH_LOOP]


def test_end_of_a_service_is_repaired_at_once_with_the_same_version(machine: Machine) -> None:
    boots = {host.name: host.boots for host in machine.hosts}
    ends(machine, how="SIGKILL")
    found = converge(machine)
    assert (found.kind, "host-2 runs nothing: its service ended with SIGKILL" in found.reason) == ("REPAIR", True)
    assert machine.record(found.deployment).state is DeploymentState.DONE
    assert {host.name: host.boots - boots[host.name] for host in machine.hosts if host.boots > boots[host.name]} == {
        "host-2": 1
    }
    assert machine.report("host-2").has_passed(machine.report("host-1").digest)


def test_host_that_booted_is_repaired_and_says_so(machine: Machine) -> None:
    ends(machine, booted=True)
    assert "its host booted" in converge(machine).reason


def test_second_repair_waits_a_minute_and_later_ones_twice_as_long(machine: Machine) -> None:
    pauses = []
    for _ in range(7):
        machine.memory.clock.sleep(8)
        ends(machine)
        began = machine.now
        for _ in range(20):
            if converge(machine).kind == "REPAIR":
                break
            machine.memory.clock.sleep(60)
        pauses.append(round((machine.now - began) / MINUTE))
    assert pauses == [0, 1, 2, 4, 8, 16, 16]


def test_crash_loop_is_slowed_also_where_the_desired_version_was_edited_by_hand(machine: Machine) -> None:
    desired = machine.context.registry.desired(CLUSTER)
    assert desired is not None
    machine.memory.registry.set_desired(CLUSTER, replace(desired, version="1.0.2"))
    ends(machine)
    assert converge(machine).kind == "REPAIR"
    machine.run_what_waited()
    ends(machine)
    held = converge(machine)
    assert (held.kind, "desired is nobody's" in held.reason) == ("HOLD", True)


def test_waiting_names_the_end_and_the_next_try(machine: Machine) -> None:
    ends(machine)
    converge(machine)
    ends(machine)
    found = converge(machine)
    assert found.kind == "HOLD"
    assert "host-2: its service ended with exit code 3; it was repaired once since" in found.reason
    assert "next try at" in found.reason


def test_crash_loop_is_reported_once_with_how_it_ended_and_its_log(machine: Machine) -> None:
    for _ in range(4):
        ends(machine)
        for _ in range(12):
            if converge(machine).kind == "REPAIR":
                break
            machine.memory.clock.sleep(60)
    (why,) = reported(machine)
    assert "its service ended with exit code 3" in why
    assert "no such table" in why


def test_single_end_is_no_crash_loop(machine: Machine) -> None:
    ends(machine)
    converge(machine)
    machine.memory.clock.sleep(60)
    ends(machine)
    converge(machine)
    assert reported(machine) == []


def test_host_that_ran_for_a_while_is_repaired_at_once_again(machine: Machine) -> None:
    ends(machine)
    converge(machine)
    machine.memory.clock.sleep((STEADY_MINUTES + 1) * 60)
    ends(machine)
    assert converge(machine).kind == "REPAIR"


def test_crash_loop_of_one_host_holds_up_no_other(machine: Machine) -> None:
    ends(machine)
    converge(machine)
    ends(machine)
    ends(machine, "host-3")
    found = converge(machine)
    assert (found.kind, "host-3" in found.reason, "host-2" in found.reason) == ("REPAIR", True, False)
    assert converge(machine).kind == "HOLD"


def test_crash_loop_never_takes_out_a_second_host(machine: Machine) -> None:
    for _ in range(3):
        ends(machine)
        machine.memory.clock.sleep(600)
        converge(machine)
    assert all(len(each) - sum(s.serves for s in each.values()) <= 1 for each in machine.rotations)


def test_repair_whose_host_falls_again_ends_and_frees_the_cluster(machine: Machine) -> None:
    ends(machine)
    machine.stop_at = "FINISH"
    name = converge(machine).deployment
    machine.stop_at = ""
    ends(machine)
    machine.run(name)
    assert machine.record(name).state is DeploymentState.ABORTED
    assert machine.memory.leases.current(CLUSTER).deployment == ""
    assert "exit code 3" in machine.record(name).reason


def loops(machine: Machine, *repairs: Deployment, minute: timedelta = MINUTE) -> dict[str, CrashLoop]:
    return crash_loops(machine.memory.fleet.reports(CLUSTER), repairs, minute)


def repair(machine: Machine, seconds_ago: float, version: str = "1.0.0", host: str = "host-2") -> Deployment:
    last = machine.memory.deployments.recent(CLUSTER, 1)[0]
    at = machine.now - timedelta(seconds=seconds_ago)
    request = replace(last.request, kind=Kind.CONVERGE, only=(host,))
    return replace(last, request=request, target=replace(last.target, version=version), started_at=at, finished_at=at)


def test_repairs_of_other_versions_and_hosts_do_not_count(machine: Machine) -> None:
    ends(machine)
    assert loops(machine, repair(machine, 9, "0.9.0"), repair(machine, 9, host="host-3")) == {}
    assert loops(machine, replace(repair(machine, 9), epoch=0)) == {}, "its plan was refused"
    assert set(loops(machine, repair(machine, 9))) == {"host-2"}


def test_minute_of_a_laptop_is_a_second(machine: Machine) -> None:
    ends(machine)
    found = loops(machine, repair(machine, 3), repair(machine, 8), minute=timedelta(seconds=1))
    assert found["host-2"].due - machine.now == timedelta(seconds=2)


def test_clock_of_a_host_that_is_far_ahead_delays_no_repair_for_long(machine: Machine) -> None:
    ends(machine)
    report = machine.report("host-2")
    assert report.ended is not None
    ahead = replace(report.ended, at=machine.now + timedelta(hours=9))
    machine.memory.fleet.write_report(CLUSTER, replace(report, ended=ahead))
    for loop in loops(machine, repair(machine, 9)).values():
        assert loop.due - machine.now <= (STEADY_MINUTES + LONGEST_MINUTES) * MINUTE


def test_stream_converges_each_named_cluster_once() -> None:
    asked = parse(Converge, stream_event("production/hello", "staging/hello", "production/hello", "nonsense"))
    assert [str(each) for each in asked.named()] == ["production/hello", "staging/hello"]
    assert asked.requested_by == "supervision"


def test_stream_that_names_no_cluster_converges_none() -> None:
    with pytest.raises(InvalidEvent, match="expected reports of clusters"):
        parse(Converge, stream_event("nonsense"))


def test_repair_that_failed_before_it_reached_a_host_does_not_count_for_it(machine: Machine) -> None:
    """Several services end at once, and the repairs fail at other hosts: this host was never started again."""
    ends(machine)
    machine.memory.clock.sleep(90)
    failed = [
        replace(repair(machine, seconds_ago), state=DeploymentState.ABORTED, failed_host="host-1")
        for seconds_ago in (10, 70)
    ]
    assert loops(machine, *failed) == {}

    ends(machine)
    assert loops(machine, *failed)["host-2"].repairs == 2


def test_repair_that_started_nothing_makes_no_crash_loop(machine: Machine) -> None:
    machine.host("host-2").breaks["1.0.0"] = AgentStage.FETCHING  # its disk is full, or the store is not reachable
    ends(machine)
    machine.memory.dispatcher.dead.add(machine.host("host-2").address)
    results = []
    for _ in range(16):
        results.append(converge(machine))
        machine.memory.clock.sleep(60)
    assert machine.host("host-2").boots == 1
    assert reported(machine) == []
    assert not [each.reason for each in results if "ended again" in each.reason]
    assert sum(each.kind == "REPAIR" for each in results) <= 3


def test_deployment_ends_a_crash_loop(machine: Machine) -> None:
    for _ in range(5):
        ends(machine)
        while converge(machine).kind != "REPAIR":
            machine.memory.clock.sleep(60)
    machine.deploy("1.0.1")
    machine.memory.clock.sleep(60)
    ends(machine)
    assert converge(machine).kind == "REPAIR"


def test_crash_loop_of_days_is_reported_once_though_its_repairs_write_many_entries(machine: Machine) -> None:
    """Neither its first repair nor its notification is among the newest records then."""
    for _ in range(70):
        ends(machine)
        while converge(machine).kind != "REPAIR":
            machine.memory.clock.sleep(60)
    assert machine.now - machine.memory.audit_log.entries[0].at > timedelta(hours=12)
    assert len(machine.memory.audit_log.entries) > 500
    assert len(reported(machine)) == 1

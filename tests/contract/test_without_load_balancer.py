"""Clusters without a load balancer: their rotation is in the ledger, and states come from the hosts' reports."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from lifecycle.domain.errors import Unknown
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.host import HostReport, SelfTest, ServiceEnd
from lifecycle.domain.fleet.member import Member
from lifecycle.domain.fleet.strays import RegisteredTarget
from lifecycle.domain.fleet.target_group import Group, TargetState
from tests.contract.conftest import Gateways

NOW = datetime(2026, 11, 1, tzinfo=UTC)  # long before the clock of either side
A, B = "10.0.0.1", "10.0.0.10"  # one begins with the other
_TESTED = SelfTest(True, "d1", "boot-1", "ok")


def report(gateways: Gateways, address: str = A, **changes: Any) -> HostReport:
    """Write the report of a host whose service works, but for the changes."""
    now = gateways.clock.now()
    usual = HostReport(f"host-{address}", address, 0, "a", now, now, digest="d1", boot="boot-1", self_test=_TESTED)
    made = replace(usual, running=True, skew=0.0, **changes)
    gateways.write_report(gateways.worker_cluster, made)
    return made


def state(gateways: Gateways, address: str = A) -> TargetState:
    return gateways.dispatcher.target(gateways.worker_cluster, address)


def test_stack_says_whether_there_is_a_load_balancer(gateways: Gateways) -> None:
    dispatcher = gateways.dispatcher
    assert dispatcher.has_load_balancer(gateways.cluster)
    assert not dispatcher.has_load_balancer(gateways.worker_cluster)
    assert not dispatcher.has_load_balancer(gateways.worker_cluster)


def test_host_is_in_rotation_from_its_registration_to_its_drain(gateways: Gateways) -> None:
    dispatcher, cluster = gateways.dispatcher, gateways.worker_cluster
    report(gateways)
    report(gateways, B)
    assert dispatcher.targets(cluster) == {}
    assert state(gateways) is TargetState.ABSENT

    dispatcher.register(cluster, A, 0)
    dispatcher.register(cluster, A, 0)
    assert dispatcher.targets(cluster) == {A: TargetState.HEALTHY}
    assert dispatcher.targets(cluster, [B]) == {}
    assert state(gateways, B) is TargetState.ABSENT
    assert dispatcher.registered(cluster) == [RegisteredTarget(A, 0, Group.MAIN, TargetState.HEALTHY)]

    dispatcher.register(cluster, B, 0)
    dispatcher.deregister(cluster, A, 0)
    dispatcher.deregister(cluster, A, 0)
    assert dispatcher.members(cluster, Group.MAIN) == {B: TargetState.HEALTHY}
    assert gateways.dispatcher.targets(gateways.cluster) == {}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"running": False, "boot": ""}, "its service does not run"),
        ({"running": False, "boot": "", "ended": ServiceEnd(NOW, "SIGKILL", "boot-1")}, "SIGKILL"),
        ({"boot": "boot-2"}, "its self-test has not passed"),
        ({"self_test": None}, "its self-test has not passed"),
        ({"self_test": replace(_TESTED, passed=False)}, "its self-test has not passed"),
        ({"digest": "d2"}, "its self-test has not passed"),
        ({"seen_at": NOW}, "its agent is unreachable since"),
        ({"address": "10.0.0.7"}, "its host now reports 10.0.0.7:0"),
        ({"port": 81}, f"its host now reports {A}:81"),
    ],
)
def test_member_is_healthy_only_while_its_tested_start_runs_and_its_agent_is_reachable(
    gateways: Gateways, change: dict[str, Any], why: str
) -> None:
    dispatcher, cluster = gateways.dispatcher, gateways.worker_cluster
    working = report(gateways)
    dispatcher.register(cluster, A, 0)
    assert dispatcher.check_failure(cluster, A, Group.MAIN) == ""

    gateways.write_report(cluster, replace(working, **change))

    wanted = TargetState.UNKNOWN if "unreachable" in why else TargetState.NOT_WORKING
    assert dispatcher.targets(cluster) == {A: wanted}
    assert state(gateways) is wanted
    assert why in dispatcher.check_failure(cluster, A, Group.MAIN)


def test_health_of_a_member_of_no_host_is_unknown(gateways: Gateways) -> None:
    dispatcher, cluster = gateways.dispatcher, gateways.worker_cluster
    dispatcher.register(cluster, A, 80)
    assert state(gateways) is TargetState.UNKNOWN
    assert dispatcher.check_failure(cluster, A, Group.MAIN) == "no report of its host can be read"
    report(gateways, port=80)
    assert state(gateways) is TargetState.HEALTHY


def test_host_that_moved_to_another_port_is_two_members_until_the_old_one_is_taken_out(gateways: Gateways) -> None:
    dispatcher, cluster = gateways.dispatcher, gateways.worker_cluster
    report(gateways, port=81)
    dispatcher.register(cluster, A, 80)
    dispatcher.register(cluster, A, 81)
    found = {(each.port, each.state) for each in dispatcher.registered(cluster)}
    assert found == {(80, TargetState.UNKNOWN), (81, TargetState.HEALTHY)}
    assert dispatcher.targets(cluster) == {A: TargetState.HEALTHY}
    assert state(gateways) is TargetState.HEALTHY
    dispatcher.deregister(cluster, A, 80)
    assert [each.port for each in dispatcher.registered(cluster)] == [81]


def test_there_is_no_test_bed_and_nothing_to_check_or_to_wait_for(gateways: Gateways) -> None:
    dispatcher, cluster = gateways.dispatcher, gateways.worker_cluster
    report(gateways)
    assert not dispatcher.has_test_bed(cluster)
    assert dispatcher.health_path(cluster) is None
    assert dispatcher.drain_delays(cluster) == {}
    assert dispatcher.weights(cluster) == {group: int(group is Group.MAIN) for group in Group}
    assert dispatcher.members(cluster, Group.TEST_BED) == {}
    with pytest.raises(Unknown, match="without a load balancer"):
        dispatcher.register(cluster, A, 0, Group.TEST_BED)
    with pytest.raises(Unknown, match="without a load balancer"):
        dispatcher.weigh(cluster, {Group.MAIN: 1})
    dispatcher.register(cluster, A, 0)
    dispatcher.deregister(cluster, A, 0, Group.CONTROL)
    assert state(gateways) is TargetState.HEALTHY


def test_members_are_stored_by_address_and_port(gateways: Gateways) -> None:
    members, cluster = gateways.members, gateways.worker_cluster
    first, second, third = Member(A, 80, "host-1"), Member(A, 81), Member(B, 0)
    for each in (first, second, third, replace(first, host="host-2")):
        members.add(cluster, each)
    assert sorted(members.all(cluster), key=str) == sorted([replace(first, host="host-2"), second, third], key=str)
    assert {each.port for each in members.at(cluster, A)} == {80, 81}
    assert members.at(cluster, "10.0.0") == []
    members.remove(cluster, A, 80)
    members.remove(cluster, A, 82)
    assert [each.port for each in members.at(cluster, A)] == [81]
    assert members.all(Cluster("staging", cluster.service)) == []


def test_address_is_taken_out_whatever_its_port(gateways: Gateways) -> None:
    dispatcher, cluster = gateways.dispatcher, gateways.worker_cluster
    report(gateways)
    report(gateways, B)
    for address, port in ((A, 0), (A, 9090), (B, 0)):
        dispatcher.register(cluster, address, port)
    dispatcher.deregister(cluster, A)
    dispatcher.deregister(cluster, A)
    assert [each.address for each in dispatcher.registered(cluster)] == [B]

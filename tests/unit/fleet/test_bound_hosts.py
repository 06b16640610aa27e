"""Bound hosts: no report brings another host, or another address, behind the load balancer."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lifecycle.application.fleet.bind_hosts import bind_hosts
from lifecycle.application.fleet.remove_host import remove_host
from lifecycle.application.operator_command import RequestedBy
from lifecycle.application.rollout.plan import preview
from lifecycle.domain.errors import InvalidValue, Refused
from lifecycle.domain.fleet.bound_hosts import OPEN, BoundHosts, UnreadableBoundHosts
from lifecycle.domain.fleet.host import HostReport, SelfTest, UnreadableReport
from lifecycle.domain.fleet.target_group import Group, TargetState
from lifecycle.domain.monitoring.audit import AuditKind
from lifecycle.domain.rollout.deployment import DeploymentState
from lifecycle.domain.service.policy import Policy
from lifecycle.gateways.aws.fleet import LARGEST_REPORT, MOST_REPORTS, DynamoFleet, report_of
from lifecycle.gateways.aws.table import Table, item, reports_key
from tests.support.converging import converge
from tests.support.rollout import CLUSTER, Machine

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
FAR = datetime(2099, 1, 1, tzinfo=UTC)
GRACE = RequestedBy("grace", "these are our hosts")
REPORT = HostReport("host-1", "10.0.0.1", 8080, "a", NOW, NOW)
DATABASE = "10.99.0.53"


def bound(hosts: int = 4, policy: Policy | None = None) -> Machine:
    """Return a machine that serves 1.0.0, and whose hosts are bound."""
    machine = Machine(hosts, policy)
    bind_hosts(machine.context, CLUSTER, {each.name: each.address for each in machine.hosts}, GRACE)
    machine.deploy("1.0.0")
    return machine


def lies(machine: Machine, host: str, **claims: Any) -> None:
    """Let a host report these claims from now on, and nothing else about itself."""
    true = machine.memory.fleet._reports[CLUSTER][host]
    machine.host(host).silent = True

    def lie() -> None:
        machine.memory.fleet.write_report(CLUSTER, replace(true, seen_at=machine.now, **claims))

    machine.memory.clock.ticks.append(lie)
    lie()


def ghost(machine: Machine, name: str, address: str = DATABASE, seen_at: datetime = FAR) -> HostReport:
    """Write the report of a host that does not exist, as any host of the cluster can."""
    digest = machine.memory.artifacts.manifest("hello", "1.0.0").digest
    test = SelfTest(passed=True, digest=digest, boot="b", detail="ok")
    report = replace(REPORT, host=name, address=address, port=5432, seen_at=seen_at, agent_started_at=machine.now)
    report = replace(report, installed="1.0.0", digest=digest, boot="b", running=True, self_test=test)
    machine.memory.fleet.write_report(CLUSTER, report)
    return report


def why(report: HostReport) -> str:
    assert isinstance(report, UnreadableReport)
    return report.why


def test_open_cluster_believes_each_report() -> None:
    assert OPEN.checked(REPORT) == REPORT
    assert OPEN.trusted({"host-1": REPORT}) == {"host-1": REPORT}


def test_closed_cluster_believes_a_bound_host_at_its_address_only() -> None:
    closed = OPEN.with_hosts({"host-1": "10.0.0.1"})
    assert closed.checked(REPORT) == REPORT
    moved = closed.checked(replace(REPORT, address=DATABASE))
    assert why(moved).startswith(f"host-1 reports the address {DATABASE}, but is bound to 10.0.0.1: ")
    assert (moved.address, moved.host) == ("", "host-1")
    assert "is no bound host" in why(closed.checked(replace(REPORT, host="ghost")))
    assert closed.trusted({"host-1": REPORT, "ghost": replace(REPORT, host="ghost")}) == {"host-1": REPORT}


def test_cluster_stays_closed_when_its_last_host_is_removed() -> None:
    empty = OPEN.with_hosts({"host-1": "10.0.0.1"}).without("host-1")
    assert (empty.closed, empty.places, empty.changes) == (True, {}, 2)
    assert empty.trusted({"host-1": REPORT}) == {}


def test_same_binding_again_writes_nothing() -> None:
    closed = OPEN.with_hosts({"host-1": "10.0.0.1"})
    assert closed.with_hosts({"host-1": "10.0.0.1"}) is closed
    assert closed.without("host-2") is closed


def test_more_hosts_than_one_record_takes_are_refused() -> None:
    with pytest.raises(InvalidValue, match="'5001 hosts' is not a list of bound hosts"):
        OPEN.with_hosts({f"h{n}": "10.0.0.1" for n in range(5001)})
    with pytest.raises(InvalidValue, match="fewer with long names"):
        OPEN.with_hosts({f"{n:063}": "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255" for n in range(4000)})


def test_unreadable_record_believes_no_report_and_hides_none() -> None:
    damaged = UnreadableBoundHosts(closed=True, why="unreadable: CLUSTER#production/hello HOSTS")
    found = damaged.trusted({"host-1": REPORT})
    assert why(found["host-1"]) == damaged.why


def test_address_that_a_host_names_is_never_registered_nor_left_after_its_removal() -> None:
    machine = bound()
    lies(machine, "host-2", address=DATABASE, port=5432)
    machine.deploy("1.0.1")
    assert DATABASE not in machine.memory.dispatcher.targets(CLUSTER)
    own = machine.host("host-2").address
    with pytest.raises(Refused, match=f"{own}, its bound address, is in rotation and healthy"):
        remove_host(machine.context, CLUSTER, "host-2", GRACE)
    remove_host(machine.context, CLUSTER, "host-2", GRACE, terminated=True)
    left = machine.memory.dispatcher.targets(CLUSTER)
    assert not left.get(own, TargetState.ABSENT).in_rotation
    assert DATABASE not in left
    assert "host-2" not in machine.context.fleet.reports(CLUSTER)
    assert "host-2" not in machine.context.fleet.bound(CLUSTER).places


def test_liar_costs_a_rollout_one_decision_and_no_other_host() -> None:
    machine = bound()
    lies(machine, "host-2", address=DATABASE)
    name = machine.deploy("1.0.1")
    current = machine.record(name)
    assert current.state is DeploymentState.HALTED
    assert f"host-2 reports the address {DATABASE}, but is bound to" in current.reason
    assert {h: v for h, v in machine.installed().items() if h != "host-2"} == dict.fromkeys(
        ("host-1", "host-3", "host-4"), "1.0.1"
    )


def test_target_that_a_liar_had_registered_is_taken_out_and_its_own_stays() -> None:
    machine = bound()
    lies(machine, "host-2", address=DATABASE, port=5432)
    machine.memory.dispatcher.states[CLUSTER][DATABASE] = TargetState.HEALTHY
    machine.memory.dispatcher.ports[CLUSTER, Group.MAIN, DATABASE] = 5432
    converge(machine)
    targets = machine.memory.dispatcher.targets(CLUSTER)
    assert not targets.get(DATABASE, TargetState.ABSENT).in_rotation
    assert targets[machine.host("host-2").address] is TargetState.HEALTHY


def test_forty_ghosts_of_2099_stop_no_bound_cluster() -> None:
    machine = bound()
    for number in range(40):
        ghost(machine, f"zz-ghost-{number}", f"10.99.0.{number}")
    found = preview(machine.context, machine.request("1.0.1"))
    assert found.blockers == ()
    assert [each for each in found.warnings if "no such host is bound" in each]
    name = machine.deploy("1.0.1")
    assert machine.record(name).state is DeploymentState.DONE
    assert not [each for each in machine.memory.dispatcher.targets(CLUSTER) if each.startswith("10.99")]


def test_ghosts_of_2099_count_as_unreachable_where_nothing_is_bound() -> None:
    machine = Machine()
    for number in range(40):
        ghost(machine, f"zz-ghost-{number}", f"10.99.0.{number}")
    blockers = preview(machine.context, machine.request("1.0.0")).blockers
    assert any("zz-ghost-0 has been unreachable" in each for each in blockers)
    remove_host(machine.context, CLUSTER, "zz-ghost-0", GRACE)
    assert "zz-ghost-0" not in machine.context.fleet.reports(CLUSTER)


@pytest.mark.parametrize("ahead", [timedelta(minutes=16), timedelta(days=30_000)])
def test_report_from_the_future_is_of_an_unreachable_host(ahead: timedelta) -> None:
    started = NOW - timedelta(days=3)
    report = replace(REPORT, seen_at=NOW + ahead, agent_started_at=started)
    assert report.unreachable_since(NOW, timedelta(seconds=30)) == started
    liar = replace(report, agent_started_at=FAR)
    assert liar.unreachable_since(NOW, timedelta(seconds=30)) == NOW - timedelta(seconds=30)


def test_small_lead_of_a_clock_makes_no_host_unreachable() -> None:
    report = replace(REPORT, seen_at=NOW + timedelta(minutes=14))
    assert report.unreachable_since(NOW, timedelta(seconds=30)) is None


def test_unreadable_report_of_a_bound_host_keeps_its_target_and_can_be_removed() -> None:
    machine = bound()
    own = machine.host("host-2").address
    machine.host("host-2").silent = True
    damaged = UnreadableReport.of("host-2", "unreadable: REPORTS#production/hello host-2")
    machine.memory.fleet.write_report(CLUSTER, damaged)
    converge(machine)
    assert machine.memory.dispatcher.targets(CLUSTER)[own] is TargetState.HEALTHY
    remove_host(machine.context, CLUSTER, "host-2", GRACE, terminated=True)
    assert not machine.memory.dispatcher.targets(CLUSTER).get(own, TargetState.ABSENT).in_rotation


def test_report_that_was_deleted_leaves_the_target_of_its_bound_host() -> None:
    machine = bound()
    machine.host("host-2").silent = True
    machine.memory.fleet._reports[CLUSTER].pop("host-2")
    converge(machine)
    assert machine.memory.dispatcher.targets(CLUSTER)[machine.host("host-2").address] is TargetState.HEALTHY


def test_ghost_can_be_removed_and_takes_no_target_with_it() -> None:
    machine = bound()
    own = machine.host("host-2").address
    ghost(machine, "zz-ghost", own)
    remove_host(machine.context, CLUSTER, "zz-ghost", GRACE)
    assert machine.memory.dispatcher.targets(CLUSTER)[own] is TargetState.HEALTHY
    assert machine.context.fleet.report(CLUSTER, "zz-ghost") is None


def test_removed_host_does_not_come_back_by_its_next_report() -> None:
    machine = bound()
    remove_host(machine.context, CLUSTER, "host-4", GRACE, terminated=True)
    ghost(machine, "host-4", machine.host("host-4").address, machine.now)
    assert "host-4" not in machine.context.fleet.reports(CLUSTER)
    assert list(machine.context.fleet.unbound(CLUSTER, machine.context.fleet.bound(CLUSTER))) == ["host-4"]


def test_new_host_counts_once_it_is_bound() -> None:
    machine = bound()
    host = machine.join("host-9")
    assert "host-9" not in machine.context.fleet.reports(CLUSTER)
    bind_hosts(machine.context, CLUSTER, {"host-9": host.address}, GRACE)
    converge(machine)
    machine.run_what_waited()
    assert machine.installed()["host-9"] == "1.0.0"
    assert machine.memory.dispatcher.targets(CLUSTER)[host.address] is TargetState.HEALTHY


@pytest.mark.parametrize(
    ("places", "says"),
    [
        ({}, "expected at least one host"),
        ({"host-9": "127.0.10.1"}, r"127\.0\.10\.1 would be of host-1, host-9: remove the host that is gone"),
        ({"host-9": "a.example"}, "'a.example' is not an address of a target"),
        ({"host 9": "10.0.0.9"}, "'host 9' is not a host"),
    ],
)
def test_wrong_binding_is_refused_and_changes_nothing(places: Mapping[str, str], says: str) -> None:
    machine = bound()
    before = machine.context.fleet.bound(CLUSTER)
    with pytest.raises((Refused, InvalidValue), match=says):
        bind_hosts(machine.context, CLUSTER, places, GRACE)
    assert machine.context.fleet.bound(CLUSTER) == before


def test_first_binding_must_name_every_host_in_rotation() -> None:
    machine = Machine()
    machine.deploy("1.0.0")
    with pytest.raises(Refused, match="host-2, host-3, host-4 would not count any more"):
        bind_hosts(machine.context, CLUSTER, {"host-1": machine.host("host-1").address}, GRACE)
    assert not machine.context.fleet.bound(CLUSTER).closed


def test_binding_is_on_record_before_it_holds() -> None:
    machine = Machine()
    bind_hosts(machine.context, CLUSTER, {each.name: each.address for each in machine.hosts}, GRACE)
    entries = machine.memory.audit_log.read(CLUSTER, machine.now - timedelta(hours=1), 50)
    assert {(each.what, each.who) for each in entries} >= {(f"bind host-1 to {machine.hosts[0].address}", "grace")}


def test_instances_are_bound_to_the_addresses_that_ec2_names() -> None:
    machine = Machine()
    machine.deploy("1.0.0")
    machine.memory.machines.groups[CLUSTER] = {each.name: each.address for each in machine.hosts}
    ghost(machine, "zz-ghost")
    converge(machine)
    assert machine.context.fleet.bound(CLUSTER).places == machine.memory.machines.groups[CLUSTER]
    assert "zz-ghost" not in machine.context.fleet.reports(CLUSTER)


def test_instance_that_got_the_address_of_a_terminated_one_is_bound_in_its_place() -> None:
    machine = bound()
    gone = machine.host("host-4")
    gone.silent = True
    group = {each.name: each.address for each in machine.hosts if each is not gone}
    machine.memory.machines.groups[CLUSTER] = {**group, "host-9": gone.address}
    converge(machine)
    assert machine.context.fleet.bound(CLUSTER).places == machine.memory.machines.groups[CLUSTER]


def test_hosts_beside_the_group_that_serve_leave_it_open_and_convergence_says_so() -> None:
    machine = Machine()
    machine.deploy("1.0.0")
    machine.memory.machines.groups[CLUSTER] = {"host-1": machine.host("host-1").address}
    reason = converge(machine)[1]
    assert "its instances are not bound" in reason
    assert "host-2, host-3, host-4 would not count any more" in reason
    assert not machine.context.fleet.bound(CLUSTER).closed


def test_word_of_an_operator_does_not_replace_that_of_ec2() -> None:
    machine = Machine()
    machine.deploy("1.0.0")
    group = machine.memory.machines.groups[CLUSTER] = {each.name: each.address for each in machine.hosts}
    converge(machine)
    for wrong in ({"i-ghost": DATABASE}, {"host-1": DATABASE}, {**group, "host-2": DATABASE}):
        with pytest.raises(Refused, match=r"is no instance of the Auto Scaling group|as EC2 says, and not at"):
            bind_hosts(machine.context, CLUSTER, wrong, GRACE)
    assert machine.context.fleet.bound(CLUSTER).places == group
    assert bind_hosts(machine.context, CLUSTER, group, GRACE).message.endswith("nothing new")


def test_bound_host_that_reports_and_that_ec2_does_not_know_is_reported_once_and_stays() -> None:
    machine = Machine()
    machine.deploy("1.0.0")
    group = {each.name: each.address for each in machine.hosts}
    machine.memory.machines.groups[CLUSTER] = group
    machine.memory.fleet.bind(CLUSTER, {**group, "i-ghost": DATABASE, "i-gone": "10.99.0.54"})
    ghost(machine, "i-ghost", seen_at=machine.now)
    for _ in range(3):
        converge(machine)
    found = [each for each in machine.memory.audit_log.entries if each.kind is AuditKind.HAND_MADE]
    what = f"found bound hosts that are no instances of the Auto Scaling group: i-ghost at {DATABASE}"
    assert [each.what for each in found if "Auto Scaling" in each.what] == [what]
    assert machine.context.fleet.bound(CLUSTER).places["i-ghost"] == DATABASE


class Flood:
    """A table whose partition of reports never ends, with the items that are asked for by key."""

    def __init__(self, *items: dict[str, Any]) -> None:
        self.items = {(each["pk"]["S"], each["sk"]["S"]): each for each in items}
        self.queries = 0

    def query(self, **asked: Any) -> dict[str, Any]:
        self.queries += 1
        number = self.queries * 1000
        pk = asked["ExpressionAttributeValues"][":pk"]["S"]
        found = [{"pk": {"S": pk}, "sk": {"S": f"a-ghost-{number + n}"}, "body": {"S": "{}"}} for n in range(50)]
        return {"Items": found, "LastEvaluatedKey": {"pk": {"S": pk}, "sk": found[-1]["sk"]}}

    def get_item(self, **asked: Any) -> dict[str, Any]:
        found = self.items.get((asked["Key"]["pk"]["S"], asked["Key"]["sk"]["S"]))
        return {"Item": found} if found else {}

    def batch_get_item(self, **asked: Any) -> dict[str, Any]:
        keys = [(each["pk"]["S"], each["sk"]["S"]) for each in asked["RequestItems"]["ledger"]["Keys"]]
        return {"Responses": {"ledger": [self.items[each] for each in keys if each in self.items]}}


def test_reports_without_end_are_cut_off_and_said_in_words() -> None:
    flood = Flood()
    fleet = DynamoFleet(Table(flood, "ledger"))
    found = fleet.reports(CLUSTER)
    assert flood.queries == 40
    assert len(found) <= MOST_REPORTS
    [said] = [why(each) for host, each in found.items() if host == "(more reports)"]
    assert "expected at most 5000 reports of production/hello" in said
    assert "`lifecycle bind-host hello` names the hosts that count" in said
    assert list(fleet.names(CLUSTER))[-1] == "(more reports)"


def test_reports_without_end_hide_no_bound_host() -> None:
    places = BoundHosts(1, closed=True, places={"host-1": "10.0.0.1", "host-2": "10.0.0.2"})
    flood = Flood(item(f"CLUSTER#{CLUSTER}", "HOSTS", places), item(reports_key(CLUSTER), "host-1", REPORT))
    fleet = DynamoFleet(Table(flood, "ledger"))
    assert fleet.reports(CLUSTER) == {"host-1": REPORT}
    assert list(fleet.names(CLUSTER)) == ["host-1"]
    assert len(fleet.unbound(CLUSTER, fleet.bound(CLUSTER))) == 20


def test_report_that_is_too_large_is_one_sick_host() -> None:
    stored = item(reports_key(CLUSTER), "host-1", replace(REPORT, log_tail="x" * LARGEST_REPORT))
    assert "expected a report of at most" in why(report_of(stored))

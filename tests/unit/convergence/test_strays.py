"""Targets of no known host are taken out, unless it may be the reports that are missing."""

from dataclasses import replace

import pytest

from lifecycle.application.fleet.remove_host import remove_host
from lifecycle.application.operator_command import RequestedBy
from lifecycle.application.rollout.plan import preview
from lifecycle.domain.fleet.host import HostReport, UnreadableReport
from lifecycle.domain.fleet.strays import RegisteredTarget, strays_of
from lifecycle.domain.fleet.target_group import Group, TargetState
from lifecycle.domain.monitoring.audit import AuditEntry, AuditKind
from lifecycle.domain.rollout.deployment import DeploymentState
from tests.support.converging import converge
from tests.support.rollout import CLUSTER, Machine

STRANGER = "10.9.9.9"


@pytest.fixture
def machine() -> Machine:
    made = Machine()
    made.deploy("1.0.0")
    return made


def in_groups(machine: Machine) -> set[str]:
    return {str(each) for each in machine.context.dispatcher.registered(CLUSTER)}


def entries(machine: Machine) -> list[AuditEntry]:
    return [entry for entry in machine.memory.audit_log.entries if entry.kind is AuditKind.HAND_MADE]


@pytest.mark.parametrize("group", list(Group))
@pytest.mark.parametrize("port", [8080, 9090])
def test_target_of_no_host_is_taken_out_of_every_group(machine: Machine, group: Group, port: int) -> None:
    machine.context.dispatcher.register(CLUSTER, STRANGER, port, group)
    machine.memory.clock.sleep(1)
    kind, reason = converge(machine)
    assert (kind, f"{STRANGER}:{port} is a target of no known host, taken out" in reason) == ("CONVERGED", True)
    machine.memory.clock.sleep(1)
    assert in_groups(machine) == {f"{host.address}:8080" for host in machine.hosts}
    (entry,) = entries(machine)
    assert f"take out {STRANGER}:{port}" in entry.what
    assert "taken out" not in converge(machine)[1]


def move(machine: Machine, host: str, **changes: object) -> None:
    """Have a host report another address or port, as its new machine does, or an older agent."""
    moved = replace(machine.report(host), **changes)  # type: ignore[arg-type]
    machine.host(host).address, machine.host(host).port = moved.address, moved.port
    machine.memory.fleet.write_report(CLUSTER, moved)


@pytest.mark.parametrize("change", [{"address": "127.0.77.1"}, {"port": 9090}])
def test_host_that_changed_its_address_or_port_is_a_new_host(machine: Machine, change: dict[str, object]) -> None:
    before = machine.report("host-1")
    move(machine, "host-1", **change)
    kind, reason = converge(machine)
    assert (kind, f"{before.address}:8080 is a target of no known host, taken out" in reason) == ("REPAIR", True)
    machine.run_what_waited()
    now = machine.report("host-1")
    machine.memory.clock.sleep(1)
    assert f"{now.address}:{now.port}" in in_groups(machine)
    assert f"{before.address}:8080" not in in_groups(machine)


def test_plan_takes_strays_out_before_its_first_host(machine: Machine) -> None:
    machine.context.dispatcher.register(CLUSTER, STRANGER, 8080)
    machine.memory.clock.sleep(1)
    assert any(
        f"{STRANGER}:8080" in warning for warning in preview(machine.context, machine.request("1.0.1")).warnings
    )
    name = machine.deploy("1.0.1")
    assert machine.record(name).state is DeploymentState.DONE
    assert f"{STRANGER}:8080" not in in_groups(machine)
    whats = [entry.what for entry in machine.memory.audit_log.entries]
    assert whats.index(f"take out {STRANGER}:8080, a target of no host") < whats.index("drain")


def test_lost_reports_never_empty_the_target_group(machine: Machine) -> None:
    for host in machine.hosts:
        host.silent = True
        machine.memory.fleet.remove(CLUSTER, host.name)
    _, reason = converge(machine)
    assert "held: no host reports: the ledger may have lost the reports" in reason
    assert len(in_groups(machine)) == 4
    assert len(entries(machine)) == 1


def test_most_reports_lost_hold_the_others_targets(machine: Machine) -> None:
    for host in machine.hosts[:3]:
        host.silent = True
        machine.memory.fleet.remove(CLUSTER, host.name)
    _, reason = converge(machine)
    assert "held: 3 such targets get requests, and only 1 of known hosts" in reason
    assert len(in_groups(machine)) == 4


def test_report_that_comes_back_keeps_its_target(machine: Machine) -> None:
    """A live agent writes a deleted report again within a heartbeat."""
    report = machine.report("host-1")
    machine.memory.fleet.remove(CLUSTER, "host-1")
    machine.memory.fleet._reports[CLUSTER].pop("host-1", None)
    machine.host("host-1").silent = True
    tick, ticks = machine.memory.clock.ticks, [0]

    def returns() -> None:
        ticks[0] += 1
        if ticks[0] > 1:
            machine.memory.fleet.write_report(CLUSTER, replace(report, seen_at=machine.now))

    tick.append(returns)
    assert "taken out" not in converge(machine)[1]
    assert len(in_groups(machine)) == 4


def test_removed_host_leaves_no_target(machine: Machine) -> None:
    machine.host("host-1").silent = True
    machine.memory.dispatcher.dead.add(machine.host("host-1").address)
    machine.memory.clock.sleep(60)
    remove_host(machine.context, CLUSTER, "host-1", RequestedBy("ada", "gone"))
    assert converge(machine)[0] == "CONVERGED"


AT = Machine().now
REPORTS = {f"h{n}": HostReport(f"h{n}", f"10.0.0.{n}", 8080, "a", AT, AT) for n in range(1, 5)}


def target(n: int, state: TargetState = TargetState.HEALTHY, group: Group = Group.MAIN) -> RegisteredTarget:
    return RegisteredTarget(f"10.0.0.{n}", 8080, group, state)


KNOWN = [target(n) for n in range(1, 5)]


@pytest.mark.parametrize(
    "states", [TargetState.HEALTHY, TargetState.INITIAL, TargetState.UNHEALTHY, TargetState.UNUSED]
)
def test_strays_of_every_state_are_found(states: TargetState) -> None:
    found = strays_of(REPORTS, [*KNOWN, target(9, states)])
    assert (found.names, found.held) == (("10.0.0.9:8080",), "")


def test_target_that_drains_has_left() -> None:
    assert strays_of(REPORTS, [*KNOWN, target(9, TargetState.DRAINING)]).targets == ()


def test_unreadable_report_holds_every_stray() -> None:
    reports = {**REPORTS, "h5": UnreadableReport.of("h5", "damaged")}
    assert "h5 cannot be read" in strays_of(reports, [*KNOWN, target(9)]).held


def test_ledger_that_was_set_back_holds_every_stray() -> None:
    assert strays_of(REPORTS, [*KNOWN, target(9)], "the ledger was set back").held == "the ledger was set back"


def test_agents_that_all_report_another_address_empty_no_group() -> None:
    moved = {name: replace(each, address=f"10.1.0.{name[1:]}") for name, each in REPORTS.items()}
    assert "reports may be missing" in strays_of(moved, KNOWN).held
    unhealthy = [target(n, TargetState.UNHEALTHY) for n in range(1, 5)]
    assert strays_of(moved, unhealthy).held

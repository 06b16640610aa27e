"""Companion tests of planted faults that no run can show, because another layer prevents their harm."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from lifecycle.application.rollout.finish import finish
from lifecycle.domain.fleet.drift import drift_reason
from lifecycle.domain.fleet.host import HostReport, SelfTest
from lifecycle.domain.fleet.target_group import TargetState
from lifecycle.domain.rollout.decision import Choice
from lifecycle.domain.rollout.deployment import DeploymentState
from lifecycle.domain.rollout.lease import RUNNING_LEASE
from lifecycle.domain.service.policy import ApprovalGate, Policy
from lifecycle.domain.service.target import Target
from tests.simulation.context import WRITES
from tests.simulation.history import GRACE, Violation
from tests.simulation.invariants.causes import has_just_changed
from tests.simulation.invariants.fencing import lease_outlasts_a_call
from tests.simulation.invariants.records import final_is_final
from tests.simulation.liars import LIAR
from tests.simulation.oracle import Oracle
from tests.simulation.scheduler import Actor
from tests.simulation.simulation import Simulation
from tests.support.rollout import CLUSTER, Machine

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
TARGET = Target("1.0.0", "a" * 64)
SERVES = HostReport(
    host="host-1",
    address="127.0.10.1",
    port=8080,
    zone="a",
    seen_at=NOW,
    agent_started_at=NOW,
    installed=TARGET.version,
    digest=TARGET.digest,
    boot="boot-1",
    running=True,
    self_test=SelfTest(True, TARGET.digest, "boot-1", "ok"),
)


@pytest.mark.parametrize(
    "test",
    [
        None,
        SelfTest(False, TARGET.digest, "boot-1", "it failed"),
        SelfTest(True, "b" * 64, "boot-1", "of other bytes"),
        SelfTest(True, TARGET.digest, "boot-0", "of another start"),
    ],
)
def test_a_host_is_in_its_place_only_with_a_self_test_of_these_bytes_on_this_start(
    test: SelfTest | None,
) -> None:
    assert drift_reason(SERVES, TargetState.HEALTHY, TARGET) is None
    assert drift_reason(replace(SERVES, self_test=test), TargetState.HEALTHY, TARGET)


def test_an_end_that_is_done_again_late_leaves_alone_what_came_after_it() -> None:
    late, machine = "", Machine(policy=Policy(approval=ApprovalGate.BEFORE_FIRST_HOST))
    for version, choice in (("1.0.0", Choice.APPROVE), ("1.0.1", Choice.REJECT), ("1.0.2", Choice.APPROVE)):
        name = machine.deploy(version)
        machine.approve(name, choice)
        late = name if choice is Choice.REJECT else late
    before = machine.context.registry.desired(CLUSTER)
    assert before is not None
    assert before.version == "1.0.2"
    finish(machine.context, CLUSTER, late, DeploymentState.REJECTED, "delivered again")
    assert machine.context.registry.desired(CLUSTER) == before


@pytest.mark.parametrize("expired", [True, False])
@pytest.mark.parametrize("wrong_clocks", [True, False])
def test_late_registration_is_excused_only_without_an_expired_lease_or_with_wrong_clocks(
    expired: bool,  # noqa: FBT001
    wrong_clocks: bool,  # noqa: FBT001
) -> None:
    sim = Simulation(0)
    late = Actor("register host-1", lambda: None, lambda _: None)
    late.deployment = "fenced"
    sim.clock_error_ever = wrong_clocks
    sim.oracle.lease_expired |= {"fenced"} if expired else set()
    if expired and not wrong_clocks:
        with pytest.raises(Violation, match="the lease of fenced has expired"):
            lease_outlasts_a_call(sim.oracle, late, "register host-1")
    else:
        lease_outlasts_a_call(sim.oracle, late, "register host-1")
    sim.close()


def test_only_a_lease_that_another_deployment_takes_has_expired() -> None:
    sim = Simulation(0)
    leases, now = sim.leases, sim.time()
    sim.oracle.audited |= {(name, "", "") for name in ("first", "second", "third")}
    sim.oracle.asked_for |= {"first", "second", "third"}
    first = leases.acquire(CLUSTER, "first", now, 0)
    sim.oracle.leases_acquire(Actor("plan", _nothing, _nothing), first, CLUSTER, "first", now, 0)
    second = leases.hand_over(CLUSTER, first, "second", now, 0)
    sim.oracle.leases_hand_over(Actor("roll_back", _nothing, _nothing), second, CLUSTER, first)
    assert not sim.oracle.lease_expired
    later = now + RUNNING_LEASE
    third = leases.acquire(CLUSTER, "third", later, 0)
    sim.oracle.leases_acquire(Actor("plan", _nothing, _nothing), third, CLUSTER, "third", later, 0)
    assert sim.oracle.lease_expired == {"second"}
    sim.close()


def test_lease_of_a_deployment_that_nobody_known_asked_for_is_a_violation() -> None:
    sim = Simulation(0)
    sim.oracle.audited.add(("forged", "", ""))
    taken = sim.leases.acquire(CLUSTER, "forged", sim.time(), 0)
    sim.oracle.execution_started("forged", {"deployment": "forged"}, LIAR)
    with pytest.raises(Violation, match="26 unproven"):
        sim.oracle.leases_acquire(Actor("plan", _nothing, _nothing), taken, CLUSTER, "forged", sim.time(), 0)
    with pytest.raises(Violation, match="26 unproven"):
        sim.oracle.execution_started("forged", {"deployment": "forged"}, "ada")
    sim.close()


def _nothing(*_: object) -> None:
    return


def test_every_check_of_the_oracle_is_called() -> None:
    """A check of a port's write is found by its name, so one with a wrong name would never run."""
    called_directly = {
        "deployed_before", "deployment_requested", "deregisters", "execution_started", "fail", "function_returned",
        "journal_written", "lease_lost", "recent", "registers", "release_command_begins", "report_written",
        "self_test_passed", "service_is_configured", "service_runs", "service_starts", "service_stops",
        "stray_leaves", "turn_given", "turned_healthy", "unexpected", "weights_changed",
    }  # fmt: skip
    checks = {name for name, value in vars(Oracle).items() if callable(value) and not name.startswith("_")}
    by_port = {f"{port}_{method}" for port, methods in WRITES.items() for method in methods}
    assert checks - called_directly <= by_port


def test_ended_deployment_may_change_only_after_a_person_deleted_its_record() -> None:
    sim, machine = Simulation(0), Machine()
    done = machine.record(machine.deploy("1.0.0"))
    again, late = replace(done, state=DeploymentState.QUEUED), Actor("plan", _nothing, _nothing)
    with pytest.raises(Violation, match="resurrected"):
        final_is_final(sim.oracle, late, done, again)
    sim.oracle.deleted.add("hello-production-20261123120001-other")
    with pytest.raises(Violation, match="resurrected"):
        final_is_final(sim.oracle, late, done, again)
    sim.oracle.deleted.add(done.id)
    final_is_final(sim.oracle, late, done, again)
    sim.close()


def test_only_a_host_that_has_changed_lately_excuses_a_repair_that_read_it_before() -> None:
    sim = Simulation(12)
    host, long_ago = sim.hosts["host-1"], sim.now - GRACE - 1
    sim.fleet._reports.setdefault(sim.cluster, {})["host-1"] = SERVES
    host.boot_changed_at = host.disk_lost_at = sim.oracle.removed_at = long_ago
    assert not has_just_changed(sim.oracle, "host-1")
    assert not has_just_changed(sim.oracle, "removed")
    host.disk_lost_at = sim.oracle.removed_at = sim.now
    assert has_just_changed(sim.oracle, "host-1")
    assert has_just_changed(sim.oracle, "removed")
    sim.close()

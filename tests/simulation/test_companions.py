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
from lifecycle.domain.service.policy import ApprovalGate, Policy
from lifecycle.domain.service.target import Target
from tests.simulation.context import WRITES
from tests.simulation.oracle import Oracle
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


def test_every_check_of_the_oracle_is_called() -> None:
    """A check of a port's write is found by its name, so one with a wrong name would never run."""
    called_directly = {
        "deployed_before", "deployment_requested", "deregisters", "execution_started", "fail", "function_returned",
        "journal_written", "recent", "registers", "self_test_passed", "service_starts", "service_stops", "turn_given",
        "turned_healthy", "unexpected", "weights_changed",
    }  # fmt: skip
    checks = {name for name, value in vars(Oracle).items() if callable(value) and not name.startswith("_")}
    by_port = {f"{port}_{method}" for port, methods in WRITES.items() for method in methods}
    assert checks - called_directly <= by_port

"""The step of a deployment for each state of its newest test bed."""

from dataclasses import replace
from datetime import timedelta

import pytest

from lifecycle.application.rollout import observe
from lifecycle.domain.fleet.target_group import TargetState
from lifecycle.domain.rollout.execution import Visit
from lifecycle.domain.rollout.steps import AwaitApproval, Bake, BeginBake, Facts
from lifecycle.domain.rollout.test_bed.hosts import comparison_blocker
from lifecycle.domain.rollout.test_bed.model import BakeNote, BedState, TestBed
from lifecycle.domain.rollout.test_bed.schedule import GRACE_MINUTES, MAX_TEST_BEDS, bake_step
from lifecycle.domain.service.policy import AfterBake, ApprovalGate, Policy
from tests.support.rollout import CLUSTER, Machine
from tests.unit.rollout.test_bed.conftest import POLICY


@pytest.fixture
def facts(machine: Machine) -> Facts:
    """The facts of a deployment whose test bed bakes."""
    machine.memory.clock.sleep(1)
    request = machine.request("1.0.1")
    assert machine.begin(request).kind == "PLANNED"
    machine.stop_at = "BAKE"
    machine.run(request.deployment)
    name, lease = request.deployment, machine.memory.leases.current(CLUSTER)
    return observe.facts(machine.context, machine.record(name), lease, Visit(name, 9))


def ended(facts: Facts, state: BedState, number: int = 1, policy: Policy = POLICY) -> Facts:
    bed: TestBed = replace(facts.beds[0], state=state, number=number, reason="as measured")
    return replace(facts, beds=(bed,), deployment=replace(facts.deployment, policy=policy))


def step(facts: Facts) -> object:
    return bake_step(facts, facts.beds[0].began_at)


def test_test_bed_that_bakes_goes_on(facts: Facts) -> None:
    assert isinstance(step(facts), Bake)


def test_passed_test_bed_lets_the_rollout_go_on(facts: Facts) -> None:
    assert step(ended(facts, BedState.PASSED)) is None


def test_passed_test_bed_asks_where_the_policy_does(facts: Facts) -> None:
    found = step(ended(facts, BedState.PASSED, policy=replace(POLICY, after_bake=AfterBake.ASK)))
    assert isinstance(found, AwaitApproval)
    assert (found.gate, found.bed, found.reason) == (
        ApprovalGate.AFTER_TEST_BED,
        1,
        "the test bed passed: as measured",
    )


@pytest.mark.parametrize("after_bake", list(AfterBake))
def test_last_cancelled_test_bed_asks_whatever_the_policy_says(facts: Facts, after_bake: AfterBake) -> None:
    found = step(ended(facts, BedState.CANCELLED, MAX_TEST_BEDS, replace(POLICY, after_bake=after_bake)))
    assert isinstance(found, AwaitApproval)
    assert found.bed == MAX_TEST_BEDS
    assert found.reason == f"{MAX_TEST_BEDS} test beds were set up, and none came to a verdict: as measured"


@pytest.mark.parametrize("number", range(1, MAX_TEST_BEDS))
def test_cancelled_test_bed_is_followed_by_another(facts: Facts, number: int) -> None:
    """Its hosts have been updated in an attempt before the present ones."""
    cancelled = ended(facts, BedState.CANCELLED, number)
    before = replace(cancelled.beds[0], attempt=0, control_attempt=0)
    found = step(replace(cancelled, beds=(before,)))
    assert isinstance(found, BeginBake)
    assert (found.number, found.host[0], found.control[0]) == (number + 1, before.host, before.control)


def test_newest_test_bed_counts(facts: Facts) -> None:
    passed, cancelled = (
        ended(facts, BedState.PASSED, 2).beds[0],
        ended(facts, BedState.CANCELLED, MAX_TEST_BEDS).beds[0],
    )
    assert step(replace(facts, beds=(cancelled, passed))) is not None
    assert step(replace(facts, beds=(passed, facts.beds[0]))) is None


@pytest.mark.parametrize(
    ("late", "progress"),
    [
        (timedelta(0), "12 of 12 minutes"),
        (timedelta(minutes=GRACE_MINUTES, microseconds=-1), "12 of 12 minutes"),
        (timedelta(minutes=GRACE_MINUTES), "12 minutes are over, a last analysis"),
    ],
)
def test_late_metrics_have_some_minutes_before_the_last_analysis(
    facts: Facts, late: timedelta, progress: str
) -> None:
    found = bake_step(facts, facts.beds[0].began_at + timedelta(minutes=12) + late)
    assert isinstance(found, Bake)
    assert found.reason.endswith(f": {progress}")


def test_human_is_asked_after_the_last_analysis(facts: Facts) -> None:
    analysed = replace(facts.deployment, bake_note=BakeNote(last_analysis=12))
    over = facts.beds[0].began_at + timedelta(minutes=12 + GRACE_MINUTES)
    found = bake_step(replace(facts, deployment=analysed), over)
    assert isinstance(found, AwaitApproval)
    assert found.reason.endswith("nothing could be measured within 12 minutes")


def test_test_bed_is_compared_with_a_healthy_control_alone(facts: Facts) -> None:
    bed = facts.beds[0]
    nothing = f"there is nothing to compare {bed.host} with"
    assert comparison_blocker(facts, bed) is None
    without = replace(bed, control="")
    assert comparison_blocker(facts, without) == (
        f"no other host serves the current version, in rotation and healthy: {nothing}"
    )
    others = {host: report for host, report in facts.reports.items() if host != bed.control}
    left = replace(facts, reports=others)
    assert comparison_blocker(left, bed) == f"the control {bed.control} has left: {nothing}"
    unhealthy = {**facts.rotation, bed.control: TargetState.UNHEALTHY}
    assert f"the control {bed.control} " in str(comparison_blocker(replace(facts, rotation=unhealthy), bed))

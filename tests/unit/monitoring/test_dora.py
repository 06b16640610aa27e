"""The four DORA figures, on deployments that each test describes."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.domain.monitoring.dora import Dora, dora
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState, Kind, Request
from lifecycle.domain.service.policy import Policy
from lifecycle.domain.service.target import Target

START = datetime(2026, 11, 1, tzinfo=UTC)
END = START + timedelta(days=28)
HOUR = timedelta(hours=1)


def deployment(name: str, hour: float, state: DeploymentState = DeploymentState.DONE, **more: Any) -> Deployment:
    """Return a deployment that begins at an hour of the window and takes half an hour, or `took`."""
    begun, took = START + hour * HOUR, more.pop("took", 0.5) * HOUR
    asked = {"kind": Kind.DEPLOY, "version": f"1.0.{name}", **more}
    request = Request(deployment=name, service="hello", environment="production", requested_by="ada", **asked)
    ended = begun + took if state.final else None
    target = Target(request.version, "d" * 64)
    epoch = 0 if state in (DeploymentState.REFUSED, DeploymentState.SUPERSEDED) else 1
    return Deployment(request, epoch, target, None, ("h1",), Policy(), begun, name, state=state, finished_at=ended)


def figures(*deployments: Deployment, **built: float) -> Dora:
    """Return the figures; `built`: v1=3 means that 1.0.1 was built at hour 3."""
    known = {f"1.0.{name[1:]}": START + hour * HOUR for name, hour in built.items()}
    return dora(deployments, known, START, END)


def test_no_deployments_give_no_figures() -> None:
    found = figures()
    assert (found.deployed, found.per_week, found.lead_time, found.failure_rate, found.restore_time) == (
        *(0, 0.0, None),
        *(None, None),
    )


def test_frequency_counts_done_deployments_a_week() -> None:
    found = figures(deployment("1", 1), deployment("2", 200), deployment("3", 400, DeploymentState.ABORTED))
    assert (found.deployed, found.per_week) == (2, 0.5)


@pytest.mark.parametrize("kind", [Kind.ROLLBACK, Kind.CONVERGE])
def test_rollbacks_and_repairs_do_not_count_as_deployments(kind: Kind) -> None:
    found = figures(deployment("1", 1, kind=kind))
    assert (found.deployed, found.ended) == (0, 0)


@pytest.mark.parametrize(
    "state",
    [
        DeploymentState.REFUSED,
        DeploymentState.SUPERSEDED,
        DeploymentState.REJECTED,
        DeploymentState.STALE,
        DeploymentState.RUNNING,
        DeploymentState.HALTED,
    ],
)
def test_deployment_without_changes_or_end_does_not_count(state: DeploymentState) -> None:
    found = figures(deployment("1", 1, state))
    assert (found.ended, found.failed, found.deployed) == (0, 0, 0)


def test_lead_time_is_the_median_from_build_to_the_last_host() -> None:
    found = figures(deployment("1", 10), deployment("2", 20), deployment("3", 30), v1=9.5, v2=10.5, v3=28.5)
    assert found.lead_time == timedelta(hours=2)


def test_redeployed_version_has_one_lead_time() -> None:
    again = deployment("2", 500, version="1.0.1")
    assert figures(deployment("1", 10), again, v1=9.5).lead_time == timedelta(hours=1)


def test_version_without_a_known_build_has_no_lead_time() -> None:
    assert figures(deployment("1", 10)).lead_time is None


def test_rolled_back_deployment_is_a_failure_restored_by_its_rollback() -> None:
    bad = deployment("2", 10, DeploymentState.ROLLED_BACK, took=0.25)
    back = deployment("3", 10.25, kind=Kind.ROLLBACK, version="1.0.1", rollback_of="2")
    found = figures(deployment("1", 1), bad, back)
    assert (found.failed, found.ended, found.failure_rate) == (1, 2, 0.5)
    assert (found.restored, found.restore_time, found.open) == (1, timedelta(hours=0.75), 0)


def test_done_deployment_that_was_rolled_back_fails_from_its_rollback_on() -> None:
    back = deployment("2", 100, kind=Kind.ROLLBACK, version="1.0.0", rollback_of="1")
    found = figures(deployment("1", 10), back)
    assert (found.deployed, found.failed, found.restore_time) == (1, 1, timedelta(hours=0.5))


def test_refused_rollback_is_no_failure() -> None:
    refused = deployment("2", 100, DeploymentState.REFUSED, kind=Kind.ROLLBACK, rollback_of="1")
    assert figures(deployment("1", 10), refused).failed == 0


def test_aborted_deployment_is_open_until_a_good_one_reaches_every_host() -> None:
    bad = deployment("1", 10, DeploymentState.ABORTED)
    assert (figures(bad).open, figures(bad).restore_time) == (1, None)
    some_hosts = deployment("2", 11, kind=Kind.CONVERGE, only=("h1",))
    assert figures(bad, some_hosts).open == 1
    mended = figures(bad, some_hosts, deployment("3", 13))
    assert (mended.open, mended.restore_time) == (0, timedelta(hours=3.5))


def test_deployment_outside_the_window_only_restores() -> None:
    early = deployment("1", -10)
    assert figures(early).deployed == 0
    bad, late = deployment("2", 671, DeploymentState.ABORTED, took=0.5), deployment("3", 700)
    assert (figures(bad, late).deployed, figures(bad, late).restored) == (0, 1)


def test_window_without_a_length_is_refused() -> None:
    with pytest.raises(ValueError, match="ends after it begins"):
        dora((), {}, END, END)


_ENDS = st.sampled_from([state for state in DeploymentState if state.final])
_STORIES = st.lists(st.tuples(st.integers(0, 700), _ENDS, st.sampled_from(list(Kind))), max_size=12)


@given(_STORIES, st.randoms(use_true_random=False))
def test_record_order_does_not_matter_and_figures_stay_in_bounds(
    story: list[tuple[int, DeploymentState, Kind]], random: Any
) -> None:
    made = [deployment(str(number), hour, state, kind=kind) for number, (hour, state, kind) in enumerate(story)]
    shuffled = list(made)
    random.shuffle(shuffled)
    found = figures(*made)
    assert figures(*shuffled) == found
    assert found.failed <= found.ended
    assert found.restored + found.open == found.failed
    assert found.failure_rate is None or 0 <= found.failure_rate <= 1
    assert found.restore_time is None or found.restore_time >= timedelta()

"""Tests on counted errors: early stopping, and the margin that a few requests rule out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from lifecycle.domain.analysis.count_tests import (
    CLUSTER,
    TIMES,
    ErrorCounts,
    early_stopping_p,
    non_inferiority_p,
    upper_bound,
)


def counted(control: list[float], test_bed: list[float], requests: float = 10_000) -> ErrorCounts:
    return ErrorCounts(control, test_bed, requests, requests)


def test_early_stopping_p_is_the_binomial_tail_of_clusters() -> None:
    counts = counted([0.01] * 5, [0.06] * 5, 5000)
    events = stats.binom.sf(30 - 1, 30 + 5 + 1, TIMES / (TIMES + 1))
    assert early_stopping_p(counts, 0.002) == pytest.approx(float(events), rel=1e-9)


def test_hosts_of_unequal_traffic_are_compared_by_their_proportions() -> None:
    counts = ErrorCounts([0.01] * 5, [0.06] * 5, 1000, 5000)
    events = stats.binom.sf(30 - 1, 30 + 1 + 1, 5 * TIMES / (5 * TIMES + 1))
    assert early_stopping_p(counts, 0.002) == pytest.approx(float(events), rel=1e-9)


@pytest.mark.parametrize(
    ("control", "test_bed"),
    [
        ([0.0] * 3, [0.9] * 3),  # too few minutes
        ([0.0] * 8, [0.9] * 5 + [0.0] * 3),  # not in three of four
        ([0.2] * 8, [0.4] * 8),  # no more than twice as many
        ([0.0] * 8, [0.001] * 8),  # no more than the minimum effect
    ],
)
def test_fewer_errors_do_not_stop_early(control: list[float], test_bed: list[float]) -> None:
    assert early_stopping_p(counted(control, test_bed, 10**6), 0.002) == 1.0


def test_one_burst_does_not_stop_early() -> None:
    """As many errors as a cluster has are one event."""
    few = counted([0.0] * 10, [CLUSTER / 1000] * 10, 1000)
    assert early_stopping_p(few, 0.002) > 0.01


def test_millions_of_errors_stop_early() -> None:
    assert early_stopping_p(counted([0.001] * 60, [0.5] * 60, 10**9), 0.002) < 1e-9


@given(st.integers(0, 30), st.integers(0, 20), st.floats(0.001, 0.05))
def test_non_inferiority_p_is_the_poisson_tail(mine: int, theirs: int, degradation: float) -> None:
    counts = counted([theirs / 1000] * 10, [mine / 1000] * 10, 1000)
    expected = stats.poisson.cdf(mine, theirs + degradation * 1000)
    assert non_inferiority_p(counts, degradation) == pytest.approx(float(expected), rel=1e-6)


def test_many_expected_errors_use_the_normal_approximation() -> None:
    counts = counted([0.02] * 10, [0.021] * 10, 100_000)
    expected = stats.poisson.cdf(2100, 2200)
    assert non_inferiority_p(counts, 0.002) == pytest.approx(float(expected), rel=0.05)


def test_no_requests_rule_out_nothing() -> None:
    assert non_inferiority_p(counted([0.0] * 10, [0.0] * 10, 0), 0.5) == 1.0
    assert upper_bound(counted([0.0] * 10, [0.0] * 10, 0), 0.05) == 1.0


def test_requests_without_an_error_follow_the_rule_of_three() -> None:
    assert upper_bound(counted([0.0] * 10, [0.0] * 10, 1000), 0.05) == pytest.approx(3 / 1000, rel=0.01)

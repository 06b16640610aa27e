"""Comparison of one metric: its degradation, the minutes that count, and the confidence bounds."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.domain.analysis.built_in_metrics import ERROR_RATE, LATENCY_P50
from lifecycle.domain.analysis.comparison import LEVEL, MOST_AUTOCORRELATION, OUTLIER, Comparison
from lifecycle.domain.analysis.model import Measure
from lifecycle.domain.analysis.permutation_test import autocorrelation, winsorized
from tests.unit.analysis.bakes import QUEUE, SERVED, Values, series, wobbling


def compared(measure: Measure, control: Values, test_bed: Values, requests: float = 1e6) -> Comparison:
    return Comparison.of(series(measure, control, test_bed), len(control), (requests, requests))


@pytest.mark.parametrize(
    ("measure", "control", "test_bed", "effect"),
    [
        (QUEUE, 5.0, 8.0, 3.0),
        (QUEUE, 8.0, 5.0, -3.0),
        (LATENCY_P50, 0.1, 0.12, 0.2),
        (LATENCY_P50, 0.1, 0.08, -0.2),
        (SERVED, 100.0, 80.0, 0.2),
        (SERVED, 100.0, 120.0, -0.2),
    ],
)
def test_effect_is_in_the_units_of_the_thresholds(
    measure: Measure, control: float, test_bed: float, effect: float
) -> None:
    found = compared(measure, [control] * 10, [test_bed] * 10)
    assert found.effect == pytest.approx(effect)
    assert found.to_degradation(effect) == pytest.approx(found.estimate)
    assert found.bounds() == pytest.approx((effect, effect))


@given(st.sampled_from([QUEUE, LATENCY_P50, SERVED]), st.floats(-0.9, 0.9))
def test_to_effect_is_the_inverse_of_to_degradation(measure: Measure, degradation: float) -> None:
    found = compared(measure, [1.0], [1.0])
    assert found.to_effect(found.to_degradation(degradation)) == pytest.approx(degradation, abs=1e-12)


def test_zero_in_a_ratio_counts_as_half_the_smallest_positive_value_and_two_zeros_are_equal() -> None:
    found = compared(SERVED, [0.0, 4.0, 2.0], [0.0, 0.0, 2.0])
    assert found.degradations == pytest.approx((0.0, math.log(4.0), 0.0))


def test_latencies_below_five_milliseconds_are_equal() -> None:
    assert LATENCY_P50.least == 0.005
    found = compared(LATENCY_P50, [0.001, 0.004, 0.020], [0.003, 0.010, 0.010])
    assert found.degradations == pytest.approx((0.0, math.log(2.0), -math.log(2.0)))


@pytest.mark.parametrize("odd", [None, math.nan, math.inf, -math.inf, 1e200])
def test_invalid_value_is_left_out_with_its_pair(odd: float | None) -> None:
    found = compared(QUEUE, [1.0, odd, 3.0], [2.0, 2.0, odd])
    assert (found.control, found.test_bed) == ((1.0,), (2.0,))


def test_negative_value_has_no_ratio() -> None:
    assert compared(LATENCY_P50, [-1.0, 1.0], [1.0, 2.0]).degradations == pytest.approx((math.log(2.0),))
    assert len(compared(QUEUE, [-1.0, 1.0], [1.0, 2.0]).degradations) == 2


def test_extreme_ratio_is_still_finite() -> None:
    found = compared(SERVED, [1e-90, 1e-80] * 6, [1e90, 1e99] * 6)
    assert all(number is not None and math.isfinite(number) for number in (found.effect, *found.bounds()))


def test_outlying_minute_does_not_hide_a_degradation() -> None:
    test_bed = wobbling(1.2, 20, 3)
    test_bed[7] = 0.01
    assert compared(LATENCY_P50, wobbling(1.0, 20), test_bed).p_worse() < 0.001


def test_bad_minutes_of_a_proportion_count_in_full() -> None:
    bursts = [0.9 if minute in (3, 11) else 0.0 for minute in range(20)]
    found = compared(ERROR_RATE, [0.0] * 20, bursts)
    assert found.effect == pytest.approx(0.09)
    assert not found.rules_out(0.01)


def test_sampling_noise_of_few_requests_has_no_autocorrelation() -> None:
    rare = [0.0, 0.0, 1 / 12, 1 / 12, 0.0, 0.0, 0.0, 0.0] * 5
    assert compared(ERROR_RATE, [0.0] * 40, rare, requests=480).autocorrelation == 0.0
    assert compared(QUEUE, [0.0] * 40, rare).autocorrelation > 0.0


def test_autocorrelation_is_limited() -> None:
    growing = [float(minute) for minute in range(30)]
    assert compared(QUEUE, [0.0] * 30, growing).autocorrelation == MOST_AUTOCORRELATION


def test_bounds_are_where_the_test_starts_to_reject() -> None:
    growing = [value * (1 + (minute % 5) / 20) for minute, value in enumerate(wobbling(1.0, 30, 2))]
    found = compared(LATENCY_P50, wobbling(1.0, 30), growing)
    low, high = found.bounds()
    assert low is not None
    assert high is not None
    assert low < found.effect < high
    assert (
        found.p_better_than(found.to_degradation(high))
        <= LEVEL
        < found.p_better_than(found.to_degradation(high - 0.01))
    )


def test_four_minutes_have_no_bounds() -> None:
    assert compared(LATENCY_P50, [1.0, 1.1, 1.0, 1.2], [1.1, 1.0, 1.2, 1.1]).bounds() == (None, None)


def test_few_requests_widen_the_bound_of_a_proportion() -> None:
    _, high = compared(ERROR_RATE, [0.0] * 20, [0.0] * 20, requests=300).bounds()
    assert high == pytest.approx(-math.log(LEVEL) / 300, rel=1e-3)


def test_bounds_hold_the_truth_as_often_as_promised() -> None:
    random = np.random.default_rng(3)
    outside = 0
    for _ in range(200):
        noise = random.normal(0, 0.1, (2, 20))
        found = compared(LATENCY_P50, np.exp(noise[0]).tolist(), (1.2 * np.exp(noise[1])).tolist())
        low, high = found.bounds()
        outside += (low is not None and low > 0.2) + (high is not None and high < 0.2)
    assert outside <= 200 * 2 * LEVEL * 1.5


def test_standard_error_of_independent_minutes_is_the_usual_one() -> None:
    values = [0.0, 3.0, 1.0, 2.0] * 5
    found = compared(QUEUE, [0.0] * 20, values)
    assert found.autocorrelation == 0.0
    assert found.standard_error() == pytest.approx(float(np.std(values, ddof=1)) / math.sqrt(20))


def test_standard_error_grows_with_autocorrelation() -> None:
    growing = [float(minute) for minute in range(30)]
    found = compared(QUEUE, [0.0] * 30, growing)
    usual = float(np.std(growing, ddof=1)) / math.sqrt(30)
    assert found.standard_error() == pytest.approx(usual * math.sqrt(1.9 / 0.1))


def test_one_minute_has_no_autocorrelation_and_no_standard_error() -> None:
    found = compared(QUEUE, [1.0], [2.0])
    assert (found.autocorrelation, found.standard_error()) == (0.0, 0.0)


def test_autocorrelation_is_one_standard_error_and_two_nths_above_its_estimate() -> None:
    values = [0.0, 1.0, 2.0, 1.0] * 5
    found = compared(QUEUE, [0.0] * 20, values)
    around = winsorized([each - 1.0 for each in values], OUTLIER)
    assert found.autocorrelation == pytest.approx(autocorrelation(around) + 1 / math.sqrt(20) + 2 / 20)
    assert 0.0 < found.autocorrelation < MOST_AUTOCORRELATION

"""Permutation test: compared with scipy and with a count of every arrangement, and its properties."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from lifecycle.domain.analysis.permutation_test import (
    MOST_BLOCKS,
    autocorrelation,
    block_sums,
    mean,
    median,
    prewhitened,
    sign_flip_p,
    winsorized,
)

# Differences with ties and zeros, as whole numbers, whose sums are exact.
whole = st.lists(st.integers(-6, 6).map(float), max_size=9)
some = st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=60)

# Darwin's plants, cross- against self-fertilised, in eighths of an inch. Fisher 1935 (The Design of
# Experiments, section 21) counts 863 of 32768 sums that are as large.
DARWIN = [49.0, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]


def every_arrangement(values: list[float]) -> float:
    signs = itertools.product((-1, 1), repeat=len(values))
    sums = [sum(s * v for s, v in zip(each, values, strict=True)) for each in signs]
    return sum(each >= sum(values) for each in sums) / len(sums)


@given(whole)
def test_p_counts_every_arrangement(values: list[float]) -> None:
    assert sign_flip_p(values) == every_arrangement(values)


def test_p_equals_fishers_for_darwins_plants() -> None:
    assert sign_flip_p(DARWIN) == 863 / 2**15


@pytest.mark.parametrize("seed", range(8))
def test_p_equals_scipys(seed: int) -> None:
    values = np.random.default_rng(seed).normal(0.3, 1.0, 10).round(1)
    found = stats.permutation_test(
        (values,), np.sum, permutation_type="samples", alternative="greater", n_resamples=np.inf
    )
    assert sign_flip_p(values.tolist()) == pytest.approx(found.pvalue, abs=1e-12)


def test_rounding_errors_do_not_break_ties() -> None:
    assert sign_flip_p([0.1, 0.2, -0.3]) == every_arrangement([1.0, 2.0, -3.0])


def test_no_values_are_no_evidence() -> None:
    assert sign_flip_p([]) == sign_flip_p([0.0, 0.0]) == 1.0


@given(whole)
def test_zeros_change_nothing(values: list[float]) -> None:
    assert sign_flip_p([*values, 0.0, 0.0]) == sign_flip_p(values)


@given(whole)
def test_swapped_sides_turn_a_small_p_into_a_large_one(values: list[float]) -> None:
    there, back = sign_flip_p(values), sign_flip_p([-value for value in values])
    assert there + back >= 1.0


@given(whole.filter(bool), st.integers(0, 8), st.integers(1, 50))
def test_larger_degradation_never_raises_p(values: list[float], at: int, more: int) -> None:
    at %= len(values)
    worse = [value + more * (place == at and value >= 0) for place, value in enumerate(values)]
    assert sign_flip_p(worse) <= sign_flip_p(values)


def test_too_many_values_are_refused() -> None:
    with pytest.raises(ValueError, match="sum them in blocks first"):
        sign_flip_p([1.0] * (MOST_BLOCKS + 1))


@given(some, st.integers(1, MOST_BLOCKS))
def test_block_sums_are_few_and_keep_the_total(values: list[float], most: int) -> None:
    found = block_sums(values, most)
    assert sum(bool(each) for each in found) <= most
    assert sum(found) == pytest.approx(sum(values), abs=1e-6)


def test_blocks_join_neighbours_and_zeros_need_no_block() -> None:
    assert block_sums([1.0, 2.0, 3.0, 4.0, 5.0], 3) == [3.0, 7.0, 5.0]
    assert block_sums([0.0, 2.0, 0.0, 0.0, 5.0], 2) == [0.0, 2.0, 0.0, 0.0, 5.0]


@given(some, st.lists(st.sampled_from([-1.0, 1.0]), min_size=60, max_size=60))
def test_winsorizing_ignores_signs(values: list[float], signs: list[float]) -> None:
    turned = [s * v for s, v in zip(signs, values, strict=False)]
    assert winsorized(turned, 3.0) == [s * v for s, v in zip(signs, winsorized(values, 3.0), strict=False)]


def test_outlier_is_limited() -> None:
    assert winsorized([1.0, -1.0, 2.0, 50.0, -1.0], 3.0) == [1.0, -1.0, 2.0, 3.0, -1.0]


def test_prewhitening_removes_autocorrelation() -> None:
    random = np.random.default_rng(4)
    values = [0.0]
    for new in random.standard_normal(5000):
        values.append(0.6 * values[-1] + new)
    assert autocorrelation(values) == pytest.approx(0.6, abs=0.03)
    assert autocorrelation(prewhitened(values, 0.6)) == pytest.approx(0.0, abs=0.03)


@pytest.mark.parametrize("count", [10, 30])
def test_autocorrelation_of_few_values_is_unbiased(count: int) -> None:
    random = np.random.default_rng(5)
    found = [autocorrelation(random.standard_normal(count).tolist()) for _ in range(2000)]
    assert mean(found) == pytest.approx(0.0, abs=0.03)


def test_constant_or_short_series_has_no_autocorrelation() -> None:
    assert autocorrelation([]) == autocorrelation([1.0, 2.0]) == autocorrelation([3.0] * 9) == 0.0


def test_prewhitening_by_zero_changes_nothing() -> None:
    assert prewhitened([1.0, 2.0], 0.0) == [1.0, 2.0]
    assert prewhitened([], 0.5) == []


@given(some)
def test_median_equals_numpys(values: list[float]) -> None:
    assert median(values) == pytest.approx(float(np.median(values)))


def test_prewhitening_scales_the_first_value_to_the_variance_of_the_others() -> None:
    assert prewhitened([2.0, 5.0, 1.0], 0.6) == pytest.approx([2.0 * 0.8, 5.0 - 0.6 * 2.0, 1.0 - 0.6 * 5.0])


def test_blocks_grow_until_those_that_are_not_zero_are_few_enough() -> None:
    # Blocks of two would give three that are not zero.
    assert block_sums([0.0, 1.0, 2.0, 0.0, 3.0], 2) == [3.0, 3.0]

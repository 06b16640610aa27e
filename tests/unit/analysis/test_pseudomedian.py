"""Mann-Whitney and Hodges-Lehmann: the same as scipy's, and as in the books."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from lifecycle.domain.analysis.pseudomedian import MOST_VALUES, mann_whitney_p, shift, typical

# Hollander & Wolfe 1973: permeability of the membrane at term, and between the 12th and 26th week (page 69).
TERM = [0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46]
EARLIER = [1.15, 0.88, 0.90, 0.74, 1.21]
# The same: a depression scale on two visits (page 29).
FIRST_VISIT = [1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30]
SECOND_VISIT = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29]

with_ties = st.lists(st.integers(0, 5).map(float), min_size=1, max_size=40)
any_floats = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40)


@given(with_ties | any_floats, with_ties | any_floats)
def test_mann_whitney_is_scipys(test_bed: list[float], control: list[float]) -> None:
    found = mann_whitney_p(test_bed, control)
    if len({*test_bed, *control}) == 1:
        assert found == 1.0
    else:
        scipys = stats.mannwhitneyu(test_bed, control, method="asymptotic").pvalue
        assert found == pytest.approx(float(scipys), rel=1e-9)


def test_mann_whitney_as_published() -> None:
    # The example of scipy's page: ages at which men and women were told of their illness.
    men, women = [19.0, 22, 16, 29, 24], [20.0, 11, 17, 12]
    assert mann_whitney_p(men, women) == pytest.approx(0.11134688653314041, rel=1e-12)


def test_it_does_not_matter_which_side_is_named_first() -> None:
    assert mann_whitney_p(TERM, EARLIER) == mann_whitney_p(EARLIER, TERM)


def test_nothing_is_no_evidence() -> None:
    assert mann_whitney_p([], []) == mann_whitney_p([], [1.0]) == mann_whitney_p([2.0], [2.0]) == 1.0


def test_hodges_lehmann_as_published() -> None:
    assert shift(TERM, EARLIER) == pytest.approx(0.305)
    differences = [a - b for a, b in zip(FIRST_VISIT, SECOND_VISIT, strict=True)]
    assert typical(differences) == pytest.approx(0.46)


@given(any_floats, any_floats)
def test_the_shift_is_the_median_of_all_differences(test_bed: list[float], control: list[float]) -> None:
    differences = np.subtract.outer(test_bed, control)
    assert shift(test_bed, control) == pytest.approx(float(np.median(differences)))
    assert shift(control, test_bed) == pytest.approx(-shift(test_bed, control))


def test_an_outlier_hardly_moves_what_is_typical() -> None:
    assert typical([1.0, 1.1, 0.9, 1.0, 1000.0]) == pytest.approx(1.05, abs=0.05)


def test_of_a_days_minutes_neighbours_count_together() -> None:
    chance = np.random.default_rng(1440)
    test_bed, control = chance.lognormal(0.2, 0.3, 1440), chance.lognormal(0.0, 0.3, 1440)
    bed, usual = test_bed.tolist(), control.tolist()
    mine, theirs = test_bed.reshape(MOST_VALUES, 3).mean(axis=1), control.reshape(MOST_VALUES, 3).mean(axis=1)
    assert shift(bed, usual) == pytest.approx(float(np.median(np.subtract.outer(mine, theirs))))
    pairs = np.add.outer(mine, mine)[np.triu_indices(MOST_VALUES)] / 2
    assert typical(bed) == pytest.approx(float(np.median(pairs)))
    # And that is what all of the pairs would have said.
    assert shift(bed, usual) == pytest.approx(
        float(np.median(np.subtract.outer(test_bed, control))), rel=0.05
    )


def test_up_to_eight_hours_every_minute_counts() -> None:
    values = np.random.default_rng(8).lognormal(0.0, 0.3, MOST_VALUES)
    pairs = np.add.outer(values, values)[np.triu_indices(MOST_VALUES)] / 2
    assert typical(values.tolist()) == pytest.approx(float(np.median(pairs)), rel=1e-12)

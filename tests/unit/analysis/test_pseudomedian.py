"""The pseudo-median: equal to numpy's median of all pairs, and to a published example."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.domain.analysis.pseudomedian import MOST_VALUES, pseudomedian

# Hollander & Wolfe 1973, page 29: a depression scale on two visits.
FIRST_VISIT = [1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30]
SECOND_VISIT = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29]


def median_of_pairs(values: list[float]) -> float:
    return float(np.median(np.add.outer(values, values)[np.triu_indices(len(values))] / 2))


def test_pseudomedian_equals_the_published_one() -> None:
    differences = [a - b for a, b in zip(FIRST_VISIT, SECOND_VISIT, strict=True)]
    assert pseudomedian(differences) == pytest.approx(0.46)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40))
def test_pseudomedian_is_the_median_of_all_pairs(values: list[float]) -> None:
    assert pseudomedian(values) == pytest.approx(median_of_pairs(values))


def test_outlier_hardly_moves_the_pseudomedian() -> None:
    assert pseudomedian([1.0, 1.1, 0.9, 1.0, 1000.0]) == pytest.approx(1.05, abs=0.05)


def test_minutes_of_a_day_are_averaged_in_neighbours() -> None:
    values = np.random.default_rng(1440).lognormal(0.2, 0.3, 1440)
    means = values.reshape(MOST_VALUES, 3).mean(axis=1).tolist()
    assert pseudomedian(values.tolist()) == pytest.approx(median_of_pairs(means))
    # All pairs give nearly the same value.
    assert pseudomedian(values.tolist()) == pytest.approx(median_of_pairs(values.tolist()), rel=0.05)


def test_every_minute_counts_up_to_eight_hours() -> None:
    values = np.random.default_rng(8).lognormal(0.0, 0.3, MOST_VALUES).tolist()
    assert pseudomedian(values) == pytest.approx(median_of_pairs(values), rel=1e-12)

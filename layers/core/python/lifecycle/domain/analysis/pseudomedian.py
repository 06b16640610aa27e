"""The Hodges-Lehmann pseudo-median: a typical value that outliers do not move.

Used by domain/analysis/comparison.py and domain/analysis/judge.py for metrics that are compared as ratios.
"""

from collections.abc import Sequence

from lifecycle.domain.analysis.permutation_test import bin_means, median

# The number of pairs grows with the square of the values. More values are first reduced to means.
MOST_VALUES = 480


def pseudomedian(values: Sequence[float]) -> float:
    """Return the median of the means of all pairs, each value paired with itself too.

    `values` are in the order of time. More than `MOST_VALUES` are first reduced to means of neighbours.
    Raises IndexError without values. Source: Hodges & Lehmann 1963.
    """
    few = bin_means(values, MOST_VALUES)
    return median([(a + b) / 2 for place, a in enumerate(few) for b in few[place:]])

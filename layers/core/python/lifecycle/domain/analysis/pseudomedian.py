"""Mann-Whitney's test and the Hodges-Lehmann shift, as Kayenta's judge has them, told beside the verdict.

They take the minutes as independent and do not pair them, which is why domain/analysis/judge.py does not decide by them.
"""

from collections.abc import Sequence
from math import erfc, sqrt

from lifecycle.domain.analysis.permutation_test import condensed, median

# The median is taken of so many values' pairs, whose number grows with the square: of a longer bake's stretches.
MOST_VALUES = 480


def mann_whitney_p(test_bed: Sequence[float], control: Sequence[float]) -> float:
    """Whether two samples differ: two-sided, by the normal approximation, corrected for ties and continuity.

    1.0 where a side is empty or all values are equal. Source: Mann & Whitney 1947; ties as in Lehmann 1975;
    the same as scipy's `mannwhitneyu(method="asymptotic")`.
    """
    mine, theirs = len(test_bed), len(control)
    ranks, tied = _ranks([*test_bed, *control])
    count = mine + theirs
    if not mine or not theirs or count < 2:
        return 1.0
    variance = mine * theirs / 12 * ((count + 1) - tied / (count * (count - 1)))
    if variance <= 0:
        return 1.0
    u = sum(ranks[:mine]) - mine * (mine + 1) / 2
    z = (max(u, mine * theirs - u) - mine * theirs / 2 - 0.5) / sqrt(variance)
    return min(1.0, erfc(z / sqrt(2)))


def _ranks(values: Sequence[float]) -> tuple[list[float], int]:
    """Each value's rank from 1, ties sharing the middle of theirs; and the sum of t^3 - t over the ties."""
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks, tied, start = [0.0] * len(values), 0, 0
    while start < len(order):
        end = start
        while end < len(order) and values[order[end]] == values[order[start]]:
            end += 1
        for place in order[start:end]:
            ranks[place] = (start + 1 + end) / 2
        tied += (end - start) ** 3 - (end - start)
        start = end
    return ranks, tied


def shift(test_bed: Sequence[float], control: Sequence[float]) -> float:
    """The median of all differences between the samples (Hodges & Lehmann 1963); raises IndexError on nothing.

    Of samples in their order of time; of one of more than `MOST_VALUES`, the means of neighbours count instead.
    """
    mine, theirs = condensed(test_bed, MOST_VALUES), condensed(control, MOST_VALUES)
    return median([a - b for a in mine for b in theirs])


def typical(values: Sequence[float]) -> float:
    """The median of the means of all pairs, each with itself too: a mean that outliers do not move (ibidem).

    In the order of time; of more than `MOST_VALUES`, the means of neighbours count instead. Raises IndexError on
    nothing.
    """
    few = condensed(values, MOST_VALUES)
    return median([(a + b) / 2 for place, a in enumerate(few) for b in few[place:]])

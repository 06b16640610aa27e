"""The judge's test: a permutation of the signs of paired differences, exact, in blocks of neighbouring minutes.

Used by domain/analysis/comparison.py. The differences are positive where the test bed is worse. If the test bed is as good as
its control, either of a pair could have been the other's, so any sign is as likely. Minutes that resemble their
neighbours (autocorrelation) are whitened first and then summed in blocks, whose signs are nearly independent.
Plain Python, because a Lambda should not have to carry numpy for it; checked against scipy in the tests.
"""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise
from math import ceil, sqrt

# 2^20 arrangements of signs, as 2 x 2^10 sums: a p-value takes well under a millisecond.
MOST_BLOCKS = 20
# What counts as equal among sums of floats, relative to the sum of all sizes.
_TIE = 1e-9


def sign_flip_p(values: Sequence[float]) -> float:
    """The share of all arrangements of signs whose sum is at least the one observed: exact and one-sided.

    Zeros have no sign and are left out; ties count as at least. 1.0 without values. At most `MOST_BLOCKS` values that
    are not 0; raises ValueError. Source: Fisher 1935; meeting in the middle as Pagano & Tritchler 1983 do it.
    """
    sizes = [abs(value) for value in values if value]
    if len(sizes) > MOST_BLOCKS:
        raise ValueError(
            f"expected at most {MOST_BLOCKS} values, found {len(sizes)}; sum them in blocks first"
        )
    least = sum(values) - _TIE * sum(sizes)
    half = len(sizes) // 2
    left, right = _sums(sizes[:half]), _sums(sizes[half:])
    reaching = sum(len(right) - bisect_left(right, least - each) for each in left)
    return reaching / (1 << len(sizes))


def _sums(sizes: Sequence[float]) -> list[float]:
    """The sums of all arrangements of signs, sorted; each doubling merges two sorted runs."""
    sums = [0.0]
    for size in sizes:
        sums = sorted([each - size for each in sums] + [each + size for each in sums])
    return sums


def block_sums(values: Sequence[float], most: int = MOST_BLOCKS) -> list[float]:
    """Sums of neighbours, in the shortest blocks of which at most `most` hold anything but zeros."""
    length = max(1, ceil(sum(map(bool, values)) / most))  # shorter ones cannot hold so many
    while True:
        cut = [values[start : start + length] for start in range(0, len(values), length)]
        if sum(any(block) for block in cut) <= most:
            return [sum(block) for block in cut]
        length += 1


def winsorized(values: Sequence[float], times: float) -> list[float]:
    """Outliers brought back to `times` the median size; a size has no sign, so all signs stay as likely as before."""
    bound = times * median([abs(value) for value in values]) if values else 0.0
    return [max(-bound, min(bound, value)) for value in values] if bound else list(values)


def autocorrelation(values: Sequence[float]) -> float:
    """How much a value resembles the one before it: lag 1, corrected for the bias of few values; 0 when it is none.

    Source of the correction, (1 + 3r) / n: Kendall 1954, Marriott & Pope 1954.
    """
    count = len(values)
    middle = mean(values) if values else 0.0
    around = [value - middle for value in values]
    spread = sum(each * each for each in around)
    if count < 3 or not spread:
        return 0.0
    found = sum(a * b for a, b in pairwise(around)) / spread
    return found + (1 + 3 * found) / count


def prewhitened(values: Sequence[float], resemblance: float) -> list[float]:
    """What is new in each value beside the one before it; the first is scaled so that all spread alike.

    Source: Prais & Winsten 1954. `resemblance` is in [0, 1); 0 changes nothing.
    """
    if not values or not resemblance:
        return list(values)
    first = values[0] * sqrt(1 - resemblance * resemblance)
    return [first, *(b - resemblance * a for a, b in pairwise(values))]


def bin_means(values: Sequence[float], most: int) -> list[float]:
    """The means of stretches of neighbours, at most `most` of them, equally long but for the last.

    No more than `most` values are returned as they are.
    """
    length = max(1, ceil(len(values) / most))
    return [mean(values[start : start + length]) for start in range(0, len(values), length)]


def mean(values: Sequence[float]) -> float:
    """The arithmetic mean; raises ZeroDivisionError on nothing."""
    return sum(values) / len(values)


def median(values: Sequence[float]) -> float:
    """The middle value, or the middle of the two middle ones; raises IndexError on nothing."""
    ordered, count = sorted(values), len(values)
    return (ordered[(count - 1) // 2] + ordered[count // 2]) / 2

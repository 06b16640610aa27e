"""Permutation test of paired differences: exact, by flipping signs, in blocks of neighbouring minutes.

Used by domain/analysis/comparison.py. A difference is positive where the test bed is worse. If the test bed
is as good as its control, either value of a pair could have been the other's, so each sign is equally likely.
Autocorrelated minutes are prewhitened first and then summed in blocks, whose signs are nearly independent.

The code is plain Python, so that a Lambda needs no numpy. The tests compare it with scipy.
"""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise
from math import ceil, sqrt

# 2^20 arrangements of signs, counted as 2 x 2^10 sums: a p-value takes well under a millisecond.
MOST_BLOCKS = 20
# Sums closer than this count as equal, relative to the sum of all sizes.
_TIE = 1e-9


def sign_flip_p(values: Sequence[float]) -> float:
    """Return the proportion of sign arrangements whose sum is at least the observed one: exact and one-sided.

    Zeros have no sign and are left out. Ties count as at least. Returns 1.0 without values.
    Raises ValueError for more than `MOST_BLOCKS` values other than 0.
    Source: Fisher 1935; the sums meet in the middle as in Pagano & Tritchler 1983.
    """
    sizes = [abs(value) for value in values if value]
    if len(sizes) > MOST_BLOCKS:
        raise ValueError(f"expected at most {MOST_BLOCKS} values, found {len(sizes)}; sum them in blocks first")
    least = sum(values) - _TIE * sum(sizes)
    half = len(sizes) // 2
    left, right = _sums(sizes[:half]), _sums(sizes[half:])
    reaching = sum(len(right) - bisect_left(right, least - each) for each in left)
    return reaching / (1 << len(sizes))


def _sums(sizes: Sequence[float]) -> list[float]:
    """Return the sums of all sign arrangements, sorted; each doubling merges two sorted runs."""
    sums = [0.0]
    for size in sizes:
        sums = sorted([each - size for each in sums] + [each + size for each in sums])
    return sums


def block_sums(values: Sequence[float], most: int = MOST_BLOCKS) -> list[float]:
    """Return the sums of neighbours, in the shortest blocks with at most `most` that are not all zeros."""
    length = max(1, ceil(sum(map(bool, values)) / most))  # shorter blocks would be too many
    while True:
        cut = [values[start : start + length] for start in range(0, len(values), length)]
        if sum(any(block) for block in cut) <= most:
            return [sum(block) for block in cut]
        length += 1


def winsorized(values: Sequence[float], times: float) -> list[float]:
    """Limit each size to `times` the median size. A size has no sign, so all signs stay equally likely."""
    bound = times * median([abs(value) for value in values]) if values else 0.0
    return [max(-bound, min(bound, value)) for value in values] if bound else list(values)


def autocorrelation(values: Sequence[float]) -> float:
    """Return the lag-1 autocorrelation, corrected for the bias of few values.

    Returns 0 for constant values and for fewer than 3. Source of the correction, (1 + 3r) / n: Kendall 1954,
    Marriott & Pope 1954.
    """
    count = len(values)
    middle = mean(values) if values else 0.0
    around = [value - middle for value in values]
    squares = sum(each * each for each in around)
    if count < 3 or not squares:
        return 0.0
    found = sum(a * b for a, b in pairwise(around)) / squares
    return found + (1 + 3 * found) / count


def prewhitened(values: Sequence[float], coefficient: float) -> list[float]:
    """Subtract from each value `coefficient` times the one before it; scale the first to the same variance.

    `coefficient` is the lag-1 autocorrelation, in [0, 1); 0 changes nothing. Source: Prais & Winsten 1954.
    """
    if not values or not coefficient:
        return list(values)
    first = values[0] * sqrt(1 - coefficient * coefficient)
    return [first, *(b - coefficient * a for a, b in pairwise(values))]


def bin_means(values: Sequence[float], most: int) -> list[float]:
    """Return at most `most` means of neighbours, in equally long bins; the last bin may be shorter.

    Returns `most` values or fewer unchanged.
    """
    length = max(1, ceil(len(values) / most))
    return [mean(values[start : start + length]) for start in range(0, len(values), length)]


def mean(values: Sequence[float]) -> float:
    """Return the arithmetic mean; raises ZeroDivisionError without values."""
    return sum(values) / len(values)


def median(values: Sequence[float]) -> float:
    """Return the middle value, or the mean of the two middle ones; raises IndexError without values."""
    ordered, count = sorted(values), len(values)
    return (ordered[(count - 1) // 2] + ordered[count // 2]) / 2

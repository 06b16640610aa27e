"""Comparison of one metric between the test bed and its control: estimate, p-value and confidence bounds.

Used by domain/analysis/window.py and domain/analysis/judge.py. Everything here concerns one metric in one
window. domain/analysis/alpha_spending.py corrects for many metrics and many interim analyses.

A degradation is positive where the test bed is worse: a difference, or the logarithm of a ratio. An effect
says the same in the units of the measure's thresholds.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import exp, expm1, log, sqrt
from sys import float_info

from lifecycle.domain.analysis.count_tests import ErrorCounts, non_inferiority_p, upper_bound
from lifecycle.domain.analysis.model import Better, Measure, Scale, Series
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
from lifecycle.domain.analysis.pseudomedian import pseudomedian

# One-sided: a PASS, and each of the two bounds, is wrong at most this often.
LEVEL = 0.05
# Enough for LEVEL, and few enough that the bounds, which take many p-values, are quick.
BLOCKS_OF_BOUNDS = 14
# Winsorize at this many times the median size: 1.5 standard deviations of a normal distribution, as Huber
# 1964 advises for data that is mostly normal.
OUTLIER = 1.5 * 1.4826
# A higher estimate would leave nothing to test after prewhitening.
MOST_AUTOCORRELATION = 0.9
# A larger value is no measurement. Neither is NaN or, in a ratio, a negative value.
LARGEST, LARGEST_LOG = 1e100, 500.0
_STEPS, _WIDENINGS = 9, 6


@dataclass(frozen=True)
class Comparison:
    """One metric in the minutes that have a value from both hosts, oldest first.

    The request counts are those of the whole window.
    """

    measure: Measure
    control: tuple[float, ...]
    test_bed: tuple[float, ...]
    requests_control: float = 0.0
    requests_test_bed: float = 0.0

    @classmethod
    def of(cls, series: Series, minutes: int, requests: tuple[float, float]) -> "Comparison":
        """Compare the first `minutes` of a series, without the minutes in which a side has no valid value."""
        pairs = list(_pairs(series, minutes))
        return cls(series.measure, tuple(c for c, _ in pairs), tuple(t for _, t in pairs), *requests)

    @cached_property
    def degradations(self) -> tuple[float, ...]:
        """The degradation of each minute."""
        sign = 1.0 if self.measure.better is Better.LOWER else -1.0
        if self.measure.scale is Scale.DIFFERENCE:
            return tuple(sign * (t - c) for c, t in zip(self.control, self.test_bed, strict=True))
        least = self.measure.least or _zero_replacement((*self.control, *self.test_bed))
        return tuple(
            sign * (log(max(t, least)) - log(max(c, least))) for c, t in zip(self.control, self.test_bed, strict=True)
        )

    @cached_property
    def autocorrelation(self) -> float:
        """A cautious lag-1 autocorrelation of the degradations, in [0, MOST_AUTOCORRELATION].

        It is one standard error (1 / sqrt(n)) and 2 / n above the estimate. The study found the 2 / n for few
        minutes (docs/test-bed-statistics.md). Sampling noise of requests is not autocorrelated, so the value
        is at most the part of the variance that sampling noise does not explain.
        """
        if len(self.degradations) < 2:
            return 0.0
        middle = median(self.degradations)
        around = winsorized([each - middle for each in self.degradations], OUTLIER)
        most = autocorrelation(around) + 1 / sqrt(len(around)) + 2 / len(around)
        return max(0.0, min(MOST_AUTOCORRELATION, most, 1 - self._sampling_part()))

    def _sampling_part(self) -> float:
        """Return the part of the variance that sampling noise of requests explains; 0 for other metrics."""
        if not self.measure.of_requests:
            return 0.0
        middle = mean(self.degradations)
        variance = sum((each - middle) ** 2 for each in self.degradations) / (len(self.degradations) - 1)
        return self.error_counts.sampling_variance / variance if variance else 1.0

    @property
    def error_counts(self) -> ErrorCounts:
        """The error proportions with their request counts."""
        return ErrorCounts(self.control, self.test_bed, self.requests_control, self.requests_test_bed)

    @cached_property
    def estimate(self) -> float:
        """The estimated degradation: the mean of differences, or the pseudo-median of log ratios."""
        if self.measure.scale is Scale.DIFFERENCE:
            return mean(self.degradations)
        return pseudomedian(self.degradations)

    @cached_property
    def effect(self) -> float:
        """The estimate in the units of the measure's thresholds."""
        return self.to_effect(self.estimate)

    def p_worse(self) -> float:
        """Return the p-value of "the test bed is no worse than its control", one-sided."""
        return self._p(self.degradations, MOST_BLOCKS)

    def p_better_than(self, degradation: float) -> float:
        """Return the p-value of "the test bed is worse by `degradation` or more", one-sided."""
        return self._p([degradation - each for each in self.degradations], BLOCKS_OF_BOUNDS)

    def bounds(self) -> tuple[float | None, float | None]:
        """Return the lower and the upper confidence bound of the effect, each at LEVEL.

        A bound is None if the minutes are too few for it.
        """
        low = self._bound(-1.0, self._p_more_than)
        high = self._bound(1.0, self.p_better_than)
        if high is not None and self.measure.of_requests:
            high = max(high, upper_bound(self.error_counts, LEVEL))
        return self._optional_effect(low), self._optional_effect(high)

    def rules_out(self, effect: float) -> bool:
        """Return whether both the minutes and the request counts rule out an effect this large, at LEVEL."""
        if self.measure.of_requests and non_inferiority_p(self.error_counts, effect) > LEVEL:
            return False
        return self.p_better_than(self.to_degradation(effect)) <= LEVEL

    def to_degradation(self, effect: float) -> float:
        """Convert an effect, such as a threshold of the measure, to a degradation."""
        if self.measure.scale is Scale.DIFFERENCE:
            return effect
        return log(1 + effect) if self.measure.better is Better.LOWER else -log(1 - min(effect, 0.999))

    def to_effect(self, degradation: float) -> float:
        """Convert a degradation to an effect: the inverse of `to_degradation`."""
        if self.measure.scale is Scale.DIFFERENCE:
            return degradation
        degradation = max(-LARGEST_LOG, min(LARGEST_LOG, degradation))
        return expm1(degradation) if self.measure.better is Better.LOWER else 1 - exp(-degradation)

    def standard_error(self) -> float:
        """Return the standard error of the estimate, corrected for autocorrelation."""
        count, middle = len(self.degradations), mean(self.degradations)
        squares = sum((each - middle) ** 2 for each in self.degradations)
        inflation = (1 + self.autocorrelation) / (1 - self.autocorrelation)
        return sqrt(squares * inflation / (count * max(1, count - 1)))

    def _p_more_than(self, degradation: float) -> float:
        return self._p([each - degradation for each in self.degradations], BLOCKS_OF_BOUNDS)

    def _p(self, values: Sequence[float], most: int) -> float:
        if self.measure.scale is Scale.RATIO:
            values = winsorized(values, OUTLIER)
        return sign_flip_p(block_sums(prewhitened(values, self.autocorrelation), most))

    def _bound(self, side: float, p: Callable[[float], float]) -> float | None:
        """Find where the test starts to reject on this side of the estimate, by bisection."""
        deviation = self.standard_error() or 1e-9
        near, far = 0.0, deviation
        for _ in range(_WIDENINGS):
            if p(self.estimate + side * far) <= LEVEL:
                break
            near, far = far, 2 * far
        else:
            return None
        for _ in range(_STEPS):
            middle = (near + far) / 2
            near, far = (near, middle) if p(self.estimate + side * middle) <= LEVEL else (middle, far)
        return self.estimate + side * far

    def _optional_effect(self, degradation: float | None) -> float | None:
        return None if degradation is None else self.to_effect(degradation)


def _pairs(series: Series, minutes: int) -> Iterator[tuple[float, float]]:
    lowest = 0.0 if series.measure.scale is Scale.RATIO else -LARGEST
    for control, test_bed in zip(series.control[:minutes], series.test_bed[:minutes], strict=True):
        if control is None or test_bed is None:
            continue
        if lowest <= control <= LARGEST and lowest <= test_bed <= LARGEST:
            yield control, test_bed


def _zero_replacement(values: Sequence[float]) -> float:
    """Return half the smallest positive value, which replaces zeros in a ratio; two zeros are then equal."""
    return max(min((value for value in values if value > 0), default=1.0) / 2, float_info.min)

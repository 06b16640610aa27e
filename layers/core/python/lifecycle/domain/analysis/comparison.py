"""One metric of the test bed compared with the control's: how much worse, how sure, and within which bounds.

Used by domain/analysis/judge.py. Everything here is of one metric at one look; what holds over all metrics and looks is
domain/analysis/alpha_spending.py.
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
# Enough for LEVEL, and so few that the bounds, which take many p-values, are quick.
BLOCKS_OF_BOUNDS = 14
# A minute further out than so many typical sizes counts as that far: 1.5 standard deviations, were they normal, as
# Huber 1964 advises for what is mostly normal.
OUTLIER = 1.5 * 1.4826
# Beyond this, nothing is left of a value that was not in the one before it.
MOST_AUTOCORRELATION = 0.9
# What is larger is no measurement, and neither is what is no number or, in a ratio, negative.
LARGEST, LARGEST_LOG = 1e100, 500.0
_STEPS, _WIDENINGS = 9, 6


@dataclass(frozen=True)
class Comparison:
    """One metric's minutes in which both hosts told a value, oldest first.

    `worse` has how much worse the test bed was in each: a difference, or a logarithm of the ratio. The requests are
    those of all of these minutes.
    """

    measure: Measure
    control: tuple[float, ...]
    test_bed: tuple[float, ...]
    requests_control: float = 0.0
    requests_test_bed: float = 0.0

    @classmethod
    def of(cls, series: Series, minutes: int, requests: tuple[float, float]) -> "Comparison":
        """The first `minutes` of a series, without those in which a side told nothing that can be compared."""
        pairs = list(_pairs(series, minutes))
        return cls(series.measure, tuple(c for c, _ in pairs), tuple(t for _, t in pairs), *requests)

    @cached_property
    def degradations(self) -> tuple[float, ...]:
        sign = 1.0 if self.measure.better is Better.LOWER else -1.0
        if self.measure.scale is Scale.DIFFERENCE:
            return tuple(sign * (t - c) for c, t in zip(self.control, self.test_bed, strict=True))
        least = self.measure.least or _least((*self.control, *self.test_bed))
        return tuple(
            sign * (log(max(t, least)) - log(max(c, least)))
            for c, t in zip(self.control, self.test_bed, strict=True)
        )

    @cached_property
    def autocorrelation(self) -> float:
        """How much a minute's degradation may resemble the one before it: one standard error above the estimate.

        And a little more where minutes are few: 2 / n was found in the study (docs/test-bed.md). Chance among the
        requests resembles nothing, so no more than what it leaves of the variance can.
        """
        if len(self.degradations) < 2:
            return 0.0
        middle = median(self.degradations)
        around = winsorized([each - middle for each in self.degradations], OUTLIER)
        most = autocorrelation(around) + 1 / sqrt(len(around)) + 2 / len(around)
        return max(0.0, min(MOST_AUTOCORRELATION, most, 1 - self._chance_among_requests()))

    def _chance_among_requests(self) -> float:
        """The part of the variance that drawing so many requests explains, for shares of the requests."""
        if not self.measure.of_requests:
            return 0.0
        middle = mean(self.degradations)
        variance = sum((each - middle) ** 2 for each in self.degradations) / (len(self.degradations) - 1)
        return self.error_counts.sampling_variance / variance if variance else 1.0

    @property
    def error_counts(self) -> ErrorCounts:
        """A share of the requests, with the requests."""
        return ErrorCounts(self.control, self.test_bed, self.requests_control, self.requests_test_bed)

    @cached_property
    def estimate(self) -> float:
        """The degradation in the terms of `worse`: a mean of differences, of ratios one that outliers do not move."""
        return (
            mean(self.degradations)
            if self.measure.scale is Scale.DIFFERENCE
            else pseudomedian(self.degradations)
        )

    @cached_property
    def effect(self) -> float:
        """The degradation in the terms of the measure's `matters`."""
        return self.to_effect(self.estimate)

    def p_worse(self) -> float:
        """How likely the test bed looks this much worse if it is as good."""
        return self._p(self.degradations, MOST_BLOCKS)

    def p_better_than(self, degradation: float) -> float:
        """How likely it looks this good if it is worse by `degradation`, which is in the terms of `worse`."""
        return self._p([degradation - each for each in self.degradations], BLOCKS_OF_BOUNDS)

    def bounds(self) -> tuple[float | None, float | None]:
        """What the degradation is more than, and less than, each at LEVEL; None where too few minutes tell."""
        low = self._bound(
            -1.0, lambda at: self._p([each - at for each in self.degradations], BLOCKS_OF_BOUNDS)
        )
        high = self._bound(1.0, self.p_better_than)
        if high is not None and self.measure.of_requests:
            high = max(high, upper_bound(self.error_counts, LEVEL))
        return (None if low is None else self.to_effect(low)), (
            None if high is None else self.to_effect(high)
        )

    def rules_out(self, degradation: float) -> bool:
        """Whether a degradation, in the measure's terms, is ruled out: by the minutes, and by the requests."""
        if self.measure.of_requests and non_inferiority_p(self.error_counts, degradation) > LEVEL:
            return False
        return self.p_better_than(self.to_degradation(degradation)) <= LEVEL

    def to_degradation(self, degradation: float) -> float:
        """A threshold of the measure, in the terms of `worse`."""
        if self.measure.scale is Scale.DIFFERENCE:
            return degradation
        return (
            log(1 + degradation) if self.measure.better is Better.LOWER else -log(1 - min(degradation, 0.999))
        )

    def to_effect(self, worse: float) -> float:
        """The inverse of `limit`."""
        if self.measure.scale is Scale.DIFFERENCE:
            return worse
        worse = max(-LARGEST_LOG, min(LARGEST_LOG, worse))
        return expm1(worse) if self.measure.better is Better.LOWER else 1 - exp(-worse)

    def standard_error(self) -> float:
        """The standard error of the estimate, neighbours' resemblance included."""
        count, middle = len(self.degradations), mean(self.degradations)
        squares = sum((each - middle) ** 2 for each in self.degradations)
        alike = (1 + self.autocorrelation) / (1 - self.autocorrelation)
        return sqrt(squares * alike / (count * max(1, count - 1)))

    def _p(self, values: Sequence[float], most: int) -> float:
        if self.measure.scale is Scale.RATIO:
            values = winsorized(values, OUTLIER)
        return sign_flip_p(block_sums(prewhitened(values, self.autocorrelation), most))

    def _bound(self, side: float, p: Callable[[float], float]) -> float | None:
        """Where the test stops to reject, on this side of the estimate, by halving."""
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


def _pairs(series: Series, minutes: int) -> Iterator[tuple[float, float]]:
    lowest = 0.0 if series.measure.scale is Scale.RATIO else -LARGEST
    for control, test_bed in zip(series.control[:minutes], series.test_bed[:minutes], strict=True):
        if control is None or test_bed is None:
            continue
        if lowest <= control <= LARGEST and lowest <= test_bed <= LARGEST:
            yield control, test_bed


def _least(values: Sequence[float]) -> float:
    """What a 0 counts as in a ratio: half of the least that was ever seen above it; two zeros are equal."""
    return max(min((value for value in values if value > 0), default=1.0) / 2, float_info.min)

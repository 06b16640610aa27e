"""Tests on counted errors: enough errors to stop early, or enough requests to rule errors out.

Used by domain/analysis/judge.py and domain/analysis/comparison.py for measures that are a proportion of the
requests. The permutation test alone would not do:
- A host that fails half of its requests should fail within minutes, but a few minutes have too few signs.
- A few requests without an error rule out little, however steady the minutes are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import erfc, exp, lgamma, log, sqrt

# Errors come in clusters: this many count as one.
CLUSTER = 10
# A healthy host may have this many times the errors of another.
TIMES = 2.0
LEAST_MINUTES, MOST_OF_THEM = 4, 0.75
_MOST_EVENTS = 1000


@dataclass(frozen=True, slots=True)
class ErrorCounts:
    """The error proportion of each minute, and the number of requests in all of these minutes."""

    control: Sequence[float]
    test_bed: Sequence[float]
    requests_control: float
    requests_test_bed: float

    @property
    def errors_control(self) -> float:
        return _mean_proportion(self.control) * self.requests_control

    @property
    def errors_test_bed(self) -> float:
        return _mean_proportion(self.test_bed) * self.requests_test_bed

    @property
    def sampling_variance(self) -> float:
        """The binomial variance of one minute's difference of the two proportions."""
        sides = (self.control, self.requests_control), (self.test_bed, self.requests_test_bed)
        minutes = len(self.control)
        return sum(
            _mean_proportion(side) * (1 - _mean_proportion(side)) / requests * minutes
            for side, requests in sides
            if requests
        )

    def scaled(self, times: float) -> "ErrorCounts":
        """Return the same proportions with `times` as many requests."""
        more = self.requests_control * times, self.requests_test_bed * times
        return ErrorCounts(self.control, self.test_bed, *more)


def early_stopping_p(counts: ErrorCounts, minimum_effect: float) -> float:
    """Return the p-value of "the test bed has at most TIMES the errors of its control": exact, conditional.

    Returns 1.0 unless the test bed exceeds TIMES the control's proportion plus `minimum_effect` in three of
    four minutes, and there are at least `LEAST_MINUTES`. Given the sum of both counts, one side's count is
    binomial. Errors are counted in clusters of CLUSTER, so that one burst is no proof. Source: Przyborowski &
    Wilenski 1940.
    """
    minutes = len(counts.test_bed)
    bad = sum(t > TIMES * c + minimum_effect for c, t in zip(counts.control, counts.test_bed, strict=True))
    if minutes < LEAST_MINUTES or bad < MOST_OF_THEM * minutes:
        return 1.0
    errors = counts.errors_control + counts.errors_test_bed
    cluster = max(CLUSTER, errors / _MOST_EVENTS)
    in_test_bed = int(counts.errors_test_bed / cluster)
    total = in_test_bed + int(counts.errors_control / cluster) + 1
    chance = TIMES * counts.requests_test_bed / (TIMES * counts.requests_test_bed + counts.requests_control)
    return _binomial_tail(in_test_bed, total, chance)


def non_inferiority_p(counts: ErrorCounts, margin: float) -> float:
    """Return the p-value of "the test bed's proportion exceeds the control's by `margin` or more": Poisson.

    Source: an upper bound of a rate from a count, Garwood 1936.
    """
    expected = (_mean_proportion(counts.control) + margin) * counts.requests_test_bed
    found = round(counts.errors_test_bed)
    if expected <= 0:
        return 1.0
    if expected > _MOST_EVENTS:
        return erfc((expected - found - 0.5) / sqrt(2 * expected)) / 2
    return min(1.0, sum(exp(k * log(expected) - expected - lgamma(k + 1)) for k in range(found + 1)))


def upper_bound(counts: ErrorCounts, level: float) -> float:
    """Return the smallest margin that the counts rule out at `level`, by bisection; at most 1."""
    low, high = 0.0, 1.0
    for _ in range(20):
        middle = (low + high) / 2
        low, high = (low, middle) if non_inferiority_p(counts, middle) <= level else (middle, high)
    return high


def _mean_proportion(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _binomial_tail(least: int, count: int, chance: float) -> float:
    """Return the probability of at least `least` successes of `count`; `chance` is in (0, 1)."""

    def probability(k: int) -> float:
        log_ways = lgamma(count + 1) - lgamma(k + 1) - lgamma(count - k + 1)
        return exp(log_ways + k * log(chance) + (count - k) * log(1 - chance))

    return min(1.0, sum(probability(k) for k in range(least, count + 1)))

"""Errors counted, beside their share minute by minute: too many to wait, or too few requests to rule them out.

Used by domain/analysis/judge.py for measures that are shares of the requests. A host that fails half of its requests is plain
within minutes, in which a permutation has too few signs to tell; and a few requests without an error rule out little,
however steady the minutes are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import erfc, exp, lgamma, log, sqrt

# Errors come in clusters: so many count as one.
CLUSTER = 10
# And a host may always have had so many times the errors of another.
TIMES = 2.0
LEAST_MINUTES, MOST_OF_THEM = 4, 0.75
_MOST_EVENTS = 1000


@dataclass(frozen=True, slots=True)
class ErrorCounts:
    """A share of requests, minute by minute, and how many requests there were in all of these minutes."""

    control: Sequence[float]
    test_bed: Sequence[float]
    requests_control: float
    requests_test_bed: float

    @property
    def errors_control(self) -> float:
        return _share(self.control) * self.requests_control

    @property
    def errors_test_bed(self) -> float:
        return _share(self.test_bed) * self.requests_test_bed

    @property
    def sampling_variance(self) -> float:
        """The variance that chance gives a minute's difference of the two shares."""
        sides = (self.control, self.requests_control), (self.test_bed, self.requests_test_bed)
        minutes = len(self.control)
        return sum(_share(s) * (1 - _share(s)) / requests * minutes for s, requests in sides if requests)

    def scaled(self, times: float) -> "ErrorCounts":
        """The same shares of so many times the requests."""
        more = self.requests_control * times, self.requests_test_bed * times
        return ErrorCounts(self.control, self.test_bed, *more)


def early_stopping_p(counts: ErrorCounts, minimum_effect: float) -> float:
    """How likely the test bed has so many errors although it has at most TIMES the control's: exact, conditional.

    1.0 unless it had more than that, and `minimum_effect` beside, in three of four minutes. Given the sum of both, one
    side's count is binomial (Przyborowski & Wilenski 1940); errors are counted in clusters of CLUSTER, so that a
    burst is no proof.
    """
    minutes = len(counts.test_bed)
    bad = sum(t > TIMES * c + minimum_effect for c, t in zip(counts.control, counts.test_bed, strict=True))
    if minutes < LEAST_MINUTES or bad < MOST_OF_THEM * minutes:
        return 1.0
    errors = counts.errors_control + counts.errors_test_bed
    cluster = max(CLUSTER, errors / _MOST_EVENTS)
    mine = int(counts.errors_test_bed / cluster)
    count = mine + int(counts.errors_control / cluster) + 1
    share = TIMES * counts.requests_test_bed / (TIMES * counts.requests_test_bed + counts.requests_control)
    return _binomial_tail(mine, count, share)


def non_inferiority_p(counts: ErrorCounts, degradation: float) -> float:
    """How likely so few errors are if the test bed's share is the control's and `degradation` more: Poisson.

    Source: an upper bound of a rate from a count, Garwood 1936.
    """
    expected = (_share(counts.control) + degradation) * counts.requests_test_bed
    found = round(counts.errors_test_bed)
    if expected <= 0:
        return 1.0
    if expected > _MOST_EVENTS:
        return erfc((expected - found - 0.5) / sqrt(2 * expected)) / 2
    return min(1.0, sum(exp(k * log(expected) - expected - lgamma(k + 1)) for k in range(found + 1)))


def upper_bound(counts: ErrorCounts, level: float) -> float:
    """The least degradation that so few errors rule out at this level, by halving; at most 1."""
    low, high = 0.0, 1.0
    for _ in range(20):
        middle = (low + high) / 2
        low, high = (low, middle) if non_inferiority_p(counts, middle) <= level else (middle, high)
    return high


def _share(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _binomial_tail(least: int, count: int, share: float) -> float:
    """The chance of at least `least` of `count`, each with the chance `share`, in (0, 1)."""

    def chance(k: int) -> float:
        ways = lgamma(count + 1) - lgamma(k + 1) - lgamma(count - k + 1)
        return exp(ways + k * log(share) + (count - k) * log(1 - share))

    return min(1.0, sum(chance(k) for k in range(least, count + 1)))

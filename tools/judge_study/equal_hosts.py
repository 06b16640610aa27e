"""Bakes of two equal hosts with the same version: each failure is a false alarm.

The minimum effect is 0 here, so that only the statistics prevent false alarms, unless a case uses the usual
thresholds.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from lifecycle.domain.analysis.judge import find_early_failure, find_failure
from lifecycle.domain.analysis.model import Measure, Measurements, Rules, Series
from tools.judge_study.hosts import MEASURES, Values, autocorrelated, measures_without_threshold

Random = np.random.Generator
Noise = Callable[[Random, int], Values]

ALPHA = 0.05
# The usual values of the three metrics, and the noise of a minute: a factor of exp(0.3 z).
USUAL, NOISE = (0.02, 1.0, 5.0), 0.3
MANY, FEW = 6000, 60


@dataclass(frozen=True)
class EqualHosts:
    """The noise by which two equal hosts differ, and the length of their bake."""

    name: str
    noise: Noise
    planned: int = 30
    extensions: int = 0
    metrics: int = 3
    requests_a_minute: int = MANY
    thresholds: bool = False

    def fails(self, random: Random) -> bool:
        """Return whether one bake fails: it is checked every minute, and at the end of each extension."""
        whole = self._measurements(random, self.planned * (self.extensions + 1))
        errors = proportions_only(whole)
        for extensions in range(self.extensions + 1):
            begun, planned = self.planned * extensions, self.planned * (extensions + 1)
            rules = Rules(planned, alpha=ALPHA)
            if any(find_early_failure(first(errors, minutes), rules) for minutes in range(begun + 1, planned)):
                return True
            if find_failure(first(whole, planned), rules, extensions):
                return True
        return False

    def _measurements(self, random: Random, minutes: int) -> Measurements:
        measures = MEASURES if self.thresholds else measures_without_threshold()
        pairs = [(self.noise(random, minutes), self.noise(random, minutes)) for _ in range(self.metrics)]
        shared = np.exp(0.5 * np.sin(np.arange(minutes) / 40 + random.uniform(0, 6)))
        # A single metric is a latency: errors get more of alpha, and their counts are tested too.
        chosen = list(zip(measures, USUAL, strict=True))[-self.metrics :]
        drawn = random if self.requests_a_minute == FEW else None
        series = tuple(
            _series(measure, usual * shared, pair, drawn if measure.of_requests else None)
            for (measure, usual), pair in zip(chosen, pairs, strict=True)
        )
        requests = minutes * self.requests_a_minute
        return Measurements(series, minutes, requests, requests)


def first(whole: Measurements, minutes: int) -> Measurements:
    """Return the measurements after the first `minutes`."""
    part = minutes / whole.minutes
    series = tuple(replace(s, control=s.control[:minutes], test_bed=s.test_bed[:minutes]) for s in whole.series)
    return Measurements(series, minutes, round(whole.requests_control * part), round(whole.requests_test_bed * part))


def proportions_only(whole: Measurements) -> Measurements:
    """Return the metrics that early stopping tests."""
    return replace(whole, series=tuple(each for each in whole.series if each.measure.of_requests))


def _series(measure: Measure, usual: Values, pair: tuple[Values, Values], drawn: Random | None) -> Series:
    """Return one metric's values; with `drawn`, a minute has few requests and whole errors."""
    control, test_bed = (usual * each for each in pair)
    if drawn:
        control, test_bed = (drawn.binomial(FEW, np.minimum(each, 1)) / FEW for each in (control, test_bed))
    return Series(measure, tuple(map(float, control)), tuple(map(float, test_bed)))


def independent(random: Random, minutes: int) -> Values:
    """Return independent minutes."""
    return np.exp(NOISE * random.standard_normal(minutes))


def correlated(autocorrelation: float) -> Noise:
    """Return a noise whose minutes are autocorrelated."""
    return lambda random, minutes: np.exp(NOISE * autocorrelated(random, minutes, autocorrelation))


def heavy(random: Random, minutes: int) -> Values:
    """Return Student's t with two degrees of freedom, which has outlying minutes."""
    return np.exp(NOISE * np.clip(random.standard_t(2, minutes), -12, 12))


def ties(random: Random, minutes: int) -> Values:
    """Return small whole numbers, mostly zeros, as of a host with few requests."""
    return random.poisson(0.4, minutes).astype(np.float64)


def uneven(random: Random, minutes: int) -> Values:
    """Return noise that grows and shrinks over the day."""
    return np.exp(NOISE * (1 + np.sin(np.arange(minutes) / 10)) * random.standard_normal(minutes))


def bursts(random: Random, minutes: int) -> Values:
    """Return one bad minute in ten, up to 150 times as bad as the others; each host has its own."""
    bad = random.random(minutes) < 0.1
    return np.where(bad, 30 * random.random(minutes), 0.2)


def unlike_hosts(random: Random, minutes: int) -> Values:
    """Return a host that is slower by a constant of up to 5 %."""
    return independent(random, minutes) ** 0.3 * random.uniform(1.0, 1.05)


CASES = (
    EqualHosts("independent minutes", independent),
    EqualHosts("autocorrelation 0.3", correlated(0.3)),
    EqualHosts("autocorrelation 0.6", correlated(0.6)),
    EqualHosts("autocorrelation 0.6, 10 minutes", correlated(0.6), planned=10),
    EqualHosts("autocorrelation 0.6, 60 minutes", correlated(0.6), planned=60),
    EqualHosts("autocorrelation 0.6, one metric", correlated(0.6), metrics=1),
    EqualHosts("autocorrelation 0.6, few requests", correlated(0.6), requests_a_minute=FEW),
    EqualHosts("heavy tails", heavy),
    EqualHosts("ties and zeros", ties),
    EqualHosts("noise that changes", uneven),
    EqualHosts("bursts on one host", bursts),
    EqualHosts("extended three times", correlated(0.3), planned=20, extensions=3),
    EqualHosts("unlike hosts, usual thresholds", unlike_hosts, thresholds=True),
)

"""Two hosts of the same version: whatever the judge fails here is a false alarm.

Everything matters here, so that nothing but the statistics holds false alarms back, unless a case says otherwise.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from lifecycle.domain.analysis.judge import find_early_failure, find_failure
from lifecycle.domain.analysis.model import Measure, Measurements, Rules, Series
from tools.judge_study.hosts import MEASURES, Values, measures_without_threshold, resembling

Random = np.random.Generator
Noise = Callable[[Random, int], Values]

ALPHA = 0.05
# What the three metrics are on an ordinary day, and how far a minute is off: a factor of exp(0.3 z).
USUAL, SPREAD = (0.02, 1.0, 5.0), 0.3
MANY, FEW = 6000, 60


@dataclass(frozen=True)
class Alike:
    """A way in which two equal hosts differ by chance, and for how long they bake."""

    name: str
    noise: Noise
    planned: int = 30
    extensions: int = 0
    metrics: int = 3
    requests_a_minute: int = MANY
    thresholds: bool = False

    def fails(self, random: Random) -> bool:
        """Whether one bake fails at any look, with one look a minute, and at the end of each extension."""
        whole = self._baked(random, self.planned * (self.extensions + 1))
        errors = of_requests(whole)
        for extensions in range(self.extensions + 1):
            begun, planned = self.planned * extensions, self.planned * (extensions + 1)
            rules = Rules(planned, alpha=ALPHA)
            if any(
                find_early_failure(first(errors, minutes), rules) for minutes in range(begun + 1, planned)
            ):
                return True
            if find_failure(first(whole, planned), rules, extensions):
                return True
        return False

    def _baked(self, random: Random, minutes: int) -> Measurements:
        measures = MEASURES if self.thresholds else measures_without_threshold()
        pairs = [(self.noise(random, minutes), self.noise(random, minutes)) for _ in range(self.metrics)]
        shared = np.exp(0.5 * np.sin(np.arange(minutes) / 40 + random.uniform(0, 6)))
        # A single metric is a latency: errors have a larger share of alpha, and counts beside it.
        chosen = list(zip(measures, USUAL, strict=True))[-self.metrics :]
        drawn = random if self.requests_a_minute == FEW else None
        series = tuple(
            _series(measure, usual * shared, pair, drawn if measure.of_requests else None)
            for (measure, usual), pair in zip(chosen, pairs, strict=True)
        )
        requests = minutes * self.requests_a_minute
        return Measurements(series, minutes, requests, requests)


def first(baked: Measurements, minutes: int) -> Measurements:
    """What had been measured after so many minutes."""
    part = minutes / baked.minutes
    series = tuple(
        replace(s, control=s.control[:minutes], test_bed=s.test_bed[:minutes]) for s in baked.series
    )
    return Measurements(
        series, minutes, round(baked.requests_control * part), round(baked.requests_test_bed * part)
    )


def of_requests(baked: Measurements) -> Measurements:
    """What may fail as obvious."""
    return replace(baked, series=tuple(each for each in baked.series if each.measure.of_requests))


def _series(measure: Measure, usual: Values, pair: tuple[Values, Values], drawn: Random | None) -> Series:
    """One metric's values; where its few requests are `drawn`, a minute has whole errors."""
    control, test_bed = (usual * each for each in pair)
    if drawn:
        control, test_bed = (drawn.binomial(FEW, np.minimum(each, 1)) / FEW for each in (control, test_bed))
    return Series(measure, tuple(map(float, control)), tuple(map(float, test_bed)))


def independent(random: Random, minutes: int) -> Values:
    """Minutes that have nothing to do with each other."""
    return np.exp(SPREAD * random.standard_normal(minutes))


def resemble(resemblance: float) -> Noise:
    """Minutes that resemble the one before."""
    return lambda random, minutes: np.exp(SPREAD * resembling(random, minutes, resemblance))


def heavy(random: Random, minutes: int) -> Values:
    """Student's t with two degrees of freedom: now and then a minute is far out."""
    return np.exp(SPREAD * np.clip(random.standard_t(2, minutes), -12, 12))


def ties(random: Random, minutes: int) -> Values:
    """Small whole numbers, mostly zeros: a host with few requests."""
    return random.poisson(0.4, minutes).astype(np.float64)


def uneven(random: Random, minutes: int) -> Values:
    """Spread that grows and shrinks over the day."""
    return np.exp(SPREAD * (1 + np.sin(np.arange(minutes) / 10)) * random.standard_normal(minutes))


def bursts(random: Random, minutes: int) -> Values:
    """Each host has bad minutes of its own, one in ten, tens of times as bad as the others."""
    bad = random.random(minutes) < 0.1
    return np.where(bad, 30 * random.random(minutes), 0.2)


def unlike_hosts(random: Random, minutes: int) -> Values:
    """One host is up to 5 % slower than the other, always."""
    return independent(random, minutes) ** 0.3 * random.uniform(1.0, 1.05)


CASES = (
    Alike("independent minutes", independent),
    Alike("resemblance 0.3", resemble(0.3)),
    Alike("resemblance 0.6", resemble(0.6)),
    Alike("resemblance 0.6, 10 minutes", resemble(0.6), planned=10),
    Alike("resemblance 0.6, 60 minutes", resemble(0.6), planned=60),
    Alike("resemblance 0.6, one metric", resemble(0.6), metrics=1),
    Alike("resemblance 0.6, few requests", resemble(0.6), requests_a_minute=FEW),
    Alike("heavy tails", heavy),
    Alike("ties and zeros", ties),
    Alike("spread that changes", uneven),
    Alike("bursts on one host", bursts),
    Alike("extended three times", resemble(0.3), planned=20, extensions=3),
    Alike("unlike hosts, usual thresholds", unlike_hosts, thresholds=True),
)

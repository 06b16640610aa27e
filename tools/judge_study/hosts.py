"""Two simulated hosts: the errors and latencies of each minute, drawn at random.

Each run is a function of its seed. A minute's latency quantiles are drawn exactly, as order statistics of
that many requests, so that 500 requests per second cost no more than one.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lifecycle.domain.analysis.built_in_metrics import ERROR_RATE, LATENCY_P50, LATENCY_P99
from lifecycle.domain.analysis.model import Measure, Measurements, Series

Values = NDArray[np.float64]

# A request's latency: lognormal with a median of 20 ms. One request in 500 takes eight times as long.
MIDDLE, SIGMA, OUTLIERS, OUTLIER_TIMES = 0.020, 0.3, 0.002, 8.0
# The noise of a host's minutes beyond sampling: a standard deviation of 5 %, and its autocorrelation.
HOST_NOISE, HOST_AUTOCORRELATION = 0.05, 0.3
MEASURES = (ERROR_RATE, LATENCY_P50, LATENCY_P99)


@dataclass(frozen=True)
class Degradation:
    """The degradation of the new version; latency grows by the factor `leak` until the end of the bake."""

    name: str
    control_errors: float = 0.001
    test_bed_errors: float = 0.001
    p50: float = 1.0
    p99: float = 1.0
    leak: float = 1.0


@dataclass(frozen=True)
class Traffic:
    """The requests per second on each host, the number of samples, and the seconds in a sample."""

    rate: float
    minutes: int
    seconds: int = 60


@dataclass
class Latencies:
    """The distribution of one request's latency, as a table of quantiles."""

    logs: Values = field(init=False)
    cumulative: Values = field(init=False)

    def __post_init__(self) -> None:
        z = np.linspace(-6, 12, 4000)
        usual, slow = _below(z), _below(z - np.log(OUTLIER_TIMES) / SIGMA)
        self.logs, self.cumulative = z * SIGMA + np.log(MIDDLE), (1 - OUTLIERS) * usual + OUTLIERS * slow

    def quantiles(self, probabilities: Values) -> Values:
        """Return the latencies at these cumulative probabilities."""
        return np.exp(np.interp(probabilities, self.cumulative, self.logs))


def _below(z: Values) -> Values:
    steps = np.exp(-z * z / 2)
    return np.asarray(np.cumsum(steps) / np.sum(steps))


LATENCIES = Latencies()


def autocorrelated(random: np.random.Generator, count: int, autocorrelation: float) -> Values:
    """Return a stationary first-order autoregressive series of variance 1."""
    new = random.standard_normal(count) * np.sqrt(1 - autocorrelation**2)
    values = np.empty(count)
    values[0] = random.standard_normal()
    for at in range(1, count):
        values[at] = autocorrelation * values[at - 1] + new[at]
    return values


def bake(random: np.random.Generator, traffic: Traffic, worse: Degradation) -> Measurements:
    """Return one bake; its traffic grows and shrinks equally on both hosts."""
    day = 1 + 0.2 * np.sin(np.arange(traffic.minutes) / traffic.minutes * 3 + random.uniform(0, 6))
    leak = np.linspace(1.0, worse.leak, traffic.minutes)
    control = _host(random, traffic, day, worse.control_errors, (1.0, 1.0))
    test_bed = _host(random, traffic, day, worse.test_bed_errors, (worse.p50 * leak, worse.p99 * leak))
    series = tuple(
        Series(measure, _optional(mine), _optional(theirs))
        for measure, mine, theirs in zip(MEASURES, control[:3], test_bed[:3], strict=True)
    )
    return Measurements(series, traffic.minutes, int(control[3].sum()), int(test_bed[3].sum()))


def _host(
    random: np.random.Generator,
    traffic: Traffic,
    day: Values,
    errors: float,
    slow: tuple[Values | float, Values | float],
) -> tuple[Values, Values, Values, Values]:
    requests = random.poisson(traffic.rate * traffic.seconds * day)
    some = np.maximum(requests, 1)
    failed = random.binomial(some, errors) / some
    upper, middle = np.ceil(0.99 * some), np.ceil(0.5 * some)
    p99 = random.beta(upper, some + 1 - upper)
    # The median is an order statistic of the values below the 99th percentile.
    below = np.where(upper > middle, random.beta(middle, np.maximum(upper - middle, 1)), 1.0)
    host = np.exp(HOST_NOISE * autocorrelated(random, traffic.minutes, HOST_AUTOCORRELATION)) * day**0.2
    latencies = [LATENCIES.quantiles(p99 * below) * host * slow[0], LATENCIES.quantiles(p99) * host * slow[1]]
    empty = requests == 0
    values = [np.where(empty, np.nan, each) for each in (failed, *latencies)]
    return values[0], values[1], values[2], requests.astype(np.float64)


def _optional(values: Values) -> tuple[float | None, ...]:
    return tuple(None if np.isnan(value) else float(value) for value in values)


def measures_without_threshold() -> tuple[Measure, ...]:
    """Return the built-in measures with a minimum effect of 0: only the statistics prevent false alarms."""
    return tuple(
        Measure(m.name, m.better, m.scale, 0.0, m.non_inferiority_margin, m.unit, m.of_requests) for m in MEASURES
    )

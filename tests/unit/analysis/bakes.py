"""Bakes for the judge's tests: series made of a test's values, minute by minute."""

from collections.abc import Sequence

from lifecycle.domain.analysis.built_in_metrics import ERROR_RATE, LATENCY_P50, LATENCY_P99
from lifecycle.domain.analysis.model import Better, Measure, Measurements, Scale, Series

Values = Sequence[float | None]

QUEUE = Measure(
    "queue length",
    Better.LOWER,
    Scale.DIFFERENCE,
    minimum_effect=2.0,
    non_inferiority_margin=5.0,
    unit="jobs",
)
SERVED = Measure(
    "greetings", Better.HIGHER, Scale.RATIO, minimum_effect=0.1, non_inferiority_margin=0.2, unit="a minute"
)

# A few minutes that differ a little, as real minutes do. They repeat.
WOBBLE = (1.01, 0.98, 1.03, 0.99, 1.0, 0.97, 1.02)


def wobbling(usual: float, minutes: int, start: int = 0) -> list[float]:
    return [usual * WOBBLE[(start + minute) % len(WOBBLE)] for minute in range(minutes)]


def measurements(*series: Series, requests: int = 100_000) -> Measurements:
    return Measurements(series, max(len(each.control) for each in series), requests, requests)


def series(measure: Measure, control: Values, test_bed: Values) -> Series:
    return Series(measure, tuple(control), tuple(test_bed))


def usual(minutes: int, *, errors: float = 0.0, p50: float = 1.0, p99: float = 1.0) -> Measurements:
    """Return a bake of the built-in measures.

    The test bed has the error rate `errors` in every minute, and latencies that are `p50` and `p99` times the
    control's.
    """
    return measurements(
        series(ERROR_RATE, [0.0] * minutes, [errors] * minutes),
        series(LATENCY_P50, wobbling(0.020, minutes), wobbling(0.020 * p50, minutes, 3)),
        series(LATENCY_P99, wobbling(0.120, minutes), wobbling(0.120 * p99, minutes, 3)),
    )

"""The test bed's words: what is measured, what a judge says of it, and the record of one test bed.

The judge is domain/analysis/judge.py; application/test_bed.py keeps the record, which the console draws.
"""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What a comparison of the test bed with its control ends in; too little data is INCONCLUSIVE, never PASS."""

    PASS = "PASS"  # noqa: S105 - not a password
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"


class Better(StrEnum):
    """Which direction of a metric is good."""

    LOWER = "lower"
    HIGHER = "higher"


class Scale(StrEnum):
    """How two values are compared: by their difference, or by their ratio."""

    DIFFERENCE = "difference"
    RATIO = "ratio"


@dataclass(frozen=True, slots=True)
class Measure:
    """One metric that is judged.

    `matters` is the least degradation that may fail it, `excludes` the one that a PASS must have ruled out: in the
    metric's own unit where `scale` is DIFFERENCE (0.01 of an error rate is one request in a hundred), as a share
    where it is RATIO (0.2 is a fifth worse). `of_requests`: it is a share of the requests, so requests count too.
    `least`: a RATIO takes what is less for this; nobody notices that it doubled.
    """

    name: str
    better: Better
    scale: Scale
    minimum_effect: float
    non_inferiority_margin: float
    unit: str = ""
    of_requests: bool = False
    least: float = 0.0


@dataclass(frozen=True, slots=True)
class Series:
    """One metric on both hosts, a value a minute; None where a host told nothing in that minute."""

    measure: Measure
    control: tuple[float | None, ...]
    test_bed: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Measurements:
    """Everything that was measured so far: equally long series, and the requests that each host answered."""

    series: tuple[Series, ...]
    minutes: int
    requests_control: int
    requests_test_bed: int


@dataclass(frozen=True, slots=True)
class Rules:
    """How a verdict is come to: `alpha` bounds false alarms over all metrics and looks of one bake together.

    `planned_minutes` is how long it bakes now, with what was asked for since it began.
    """

    planned_minutes: int
    alpha: float = 0.05
    minimum_minutes: int = 10
    minimum_requests: int = 100


@dataclass(frozen=True, slots=True)
class MetricResult:
    """What was found of one metric; None where too few minutes tell it.

    `effect` is the typical degradation (positive is worse, in the terms of the measure's `matters`); with 95 %
    confidence it is more than `low`, and with 95 % less than `high`. `p` is of the block permutation, before Holm.
    `control` and `test_bed` are typical values: means, or pseudo-medians for a RATIO.
    """

    name: str
    verdict: Verdict
    sentence: str
    effect: float | None
    low: float | None
    high: float | None
    p: float | None
    control: float | None
    test_bed: float | None


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict and its reason. `more_minutes`: for how much longer to bake, as far as that can be told."""

    verdict: Verdict
    sentence: str
    metrics: tuple[MetricResult, ...]
    minutes: int
    requests_control: int
    requests_test_bed: int
    more_minutes: int | None = None

"""Types of the analysis: measures and series (input), rules, and the judgement (output).

Used by domain/analysis/judge.py; application/rollout/test_bed/analyse.py stores the judgement, and the
console draws it. Records and manifests contain these types, so gateways/serialization.py decides their keys.
"""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """The result of comparing the test bed with its control; too little data is INCONCLUSIVE, never PASS."""

    PASS = "PASS"  # noqa: S105 - not a password  # nosec B105
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"


class Better(StrEnum):
    """The good direction of a metric."""

    LOWER = "lower"
    HIGHER = "higher"


class Scale(StrEnum):
    """The way two values are compared: by their difference, or by their ratio."""

    DIFFERENCE = "difference"
    RATIO = "ratio"


@dataclass(frozen=True, slots=True)
class Measure:
    """One metric that is judged.

    `minimum_effect` is the least degradation that may fail it; a PASS must rule out `non_inferiority_margin`.
    Where `scale` is DIFFERENCE, both are in the metric's own unit: 0.01 of an error rate is one request in a
    hundred. Where it is RATIO, both are relative: 0.2 is a fifth worse. lifecycle.toml calls them `matters`
    and `excludes`. `of_requests` marks a proportion of the requests, for which request counts are tested too.
    `least` replaces smaller values in a RATIO: 0.005 s makes all latencies below 5 ms equal.
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
    """One metric on both hosts, one value per minute; None where a host has no value for that minute."""

    measure: Measure
    control: tuple[float | None, ...]
    test_bed: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Measurements:
    """Everything measured so far: equally long series, and the number of requests that each host answered."""

    series: tuple[Series, ...]
    minutes: int
    requests_control: int
    requests_test_bed: int


@dataclass(frozen=True, slots=True)
class Rules:
    """The parameters of a judgement.

    `planned_minutes` is the length of the bake, extensions included. `alpha` bounds the chance of a false
    alarm over all metrics and all interim analyses of one bake together.
    """

    planned_minutes: int
    alpha: float = 0.05
    minimum_minutes: int = 10
    minimum_requests: int = 100


@dataclass(frozen=True, slots=True)
class MetricResult:
    """The result for one metric; a number is None where the minutes are too few for it.

    `effect` is the estimated degradation, positive where the test bed is worse, in the units of the measure's
    thresholds. `low` and `high` are its one-sided 95 % confidence bounds. `p` is the permutation test's
    p-value before Holm's correction. `control` and `test_bed` are typical values: means, or pseudo-medians
    for a RATIO.
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
    """A verdict and its reason.

    `more_minutes` estimates how much longer the bake must run for a verdict; None if that is unknown.
    """

    verdict: Verdict
    sentence: str
    metrics: tuple[MetricResult, ...]
    minutes: int
    requests_control: int
    requests_test_bed: int
    more_minutes: int | None = None

"""Alpha spending: keep false alarms within alpha over all interim analyses and all metrics of one bake.

Called by domain/analysis/judge.py and domain/analysis/required_duration.py.

alpha is spent in parts that add up to it (Bonferroni over interim analyses):
- an eighth at half of the planned minutes,
- an eighth on early stopping for errors (domain/analysis/count_tests.py),
- an eighth on the extensions that a human asks for,
- five eighths at the planned end.

Nothing fails between these analyses, except by early stopping.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from lifecycle.domain.analysis.model import Measure, Rules

HALF_WAY_SHARE = 1 / 8
EARLY_STOPPING_SHARE = 1 / 8
EXTENSIONS_SHARE = 1 / 8
PLANNED_END_SHARE = 1 - HALF_WAY_SHARE - EARLY_STOPPING_SHARE - EXTENSIONS_SHARE


@dataclass(frozen=True, slots=True)
class InterimAnalysis:
    """An analysis of the first `minutes`; `alpha` is its family-wise error rate over all metrics."""

    minutes: int
    alpha: float


def interim_analyses(rules: Rules, extensions: int) -> tuple[InterimAnalysis, ...]:
    """Return the planned interim analyses, the end last.

    `extensions` counts how often a human extended the bake. The half-way analysis is left out if it comes
    before the minimum of minutes; the end then gets its alpha. Each extension gets half of the alpha that is
    left for extensions, so their number is not limited.
    """
    if extensions:
        return (InterimAnalysis(rules.planned_minutes, rules.alpha * EXTENSIONS_SHARE / 2**extensions),)
    half_way = ceil(rules.planned_minutes / 2)
    if half_way < rules.minimum_minutes:
        return (InterimAnalysis(rules.planned_minutes, rules.alpha * (HALF_WAY_SHARE + PLANNED_END_SHARE)),)
    end = InterimAnalysis(rules.planned_minutes, rules.alpha * PLANNED_END_SHARE)
    return (InterimAnalysis(half_way, rules.alpha * HALF_WAY_SHARE), end)


def early_stopping_alpha(rules: Rules, minutes: int) -> float:
    """Return the alpha of early stopping after `minutes`; over all minutes it adds up to its share."""
    return rules.alpha * EARLY_STOPPING_SHARE / (minutes * (minutes + 1))


def alpha_weights(measures: Sequence[Measure]) -> list[float]:
    """Return the weights of the metrics in one analysis: half for proportions of requests, such as errors."""
    counted = sum(measure.of_requests for measure in measures)
    others = len(measures) - counted
    if not counted or not others:
        return [1.0] * len(measures)
    return [0.5 / counted if measure.of_requests else 0.5 / others for measure in measures]


def holm_rejections(p_values: Sequence[float], weights: Sequence[float], alpha: float) -> list[bool]:
    """Return which hypotheses are rejected at a family-wise error rate of `alpha`: Holm 1979, weighted.

    The smallest p-value for its weight is compared with its part of alpha. If it is rejected, the others
    share its weight.
    """
    rejected = [False] * len(p_values)
    for index in sorted(range(len(p_values)), key=lambda each: p_values[each] / weights[each]):
        left = sum(weight for weight, gone in zip(weights, rejected, strict=True) if not gone)
        if p_values[index] > alpha * weights[index] / left * (1 + 1e-9):
            break
        rejected[index] = True
    return rejected

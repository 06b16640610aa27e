"""How the judge's false alarms stay within alpha, over all looks at one bake and over all metrics.

alpha is spent in parts that add up to it (Bonferroni over looks). An eighth each: at half of the planned minutes, on
errors so many that nobody should wait (domain/analysis/count_tests.py), and on whatever minutes a human asks for afterwards.
The rest, five eighths, at the planned end. Between these looks nothing fails.
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
    """A judgement on the first `minutes`; all its metrics together may fail falsely with the chance `alpha`."""

    minutes: int
    alpha: float


def interim_analyses(rules: Rules, extensions: int) -> tuple[InterimAnalysis, ...]:
    """The planned looks, the end last. `extensions` counts the ends after which a human asked for more minutes.

    A look before the least minutes is not made, and the end has its share. Each further end has half of what is left
    for extensions, so they may go on for ever.
    """
    if extensions:
        return (InterimAnalysis(rules.planned_minutes, rules.alpha * EXTENSIONS_SHARE / 2**extensions),)
    half_way = ceil(rules.planned_minutes / 2)
    if half_way < rules.minimum_minutes:
        return (InterimAnalysis(rules.planned_minutes, rules.alpha * (HALF_WAY_SHARE + PLANNED_END_SHARE)),)
    end = InterimAnalysis(rules.planned_minutes, rules.alpha * PLANNED_END_SHARE)
    return (InterimAnalysis(half_way, rules.alpha * HALF_WAY_SHARE), end)


def early_stopping_alpha(rules: Rules, minutes: int) -> float:
    """What a look at errors that are obvious may spend after so many minutes: the sum over all minutes is EARLY_STOPPING_SHARE."""
    return rules.alpha * EARLY_STOPPING_SHARE / (minutes * (minutes + 1))


def alpha_weights(measures: Sequence[Measure]) -> list[float]:
    """How metrics share a look's alpha: half goes to shares of the requests, such as errors, half to all others."""
    counted = sum(measure.of_requests for measure in measures)
    others = len(measures) - counted
    if not counted or not others:
        return [1.0] * len(measures)
    return [0.5 / counted if measure.of_requests else 0.5 / others for measure in measures]


def holm_rejections(p_values: Sequence[float], shares: Sequence[float], alpha: float) -> list[bool]:
    """Which hypotheses fall, so that one falls falsely with a chance of at most `alpha`: Holm 1979, weighted.

    The least p for its share is compared with its share of alpha; if it falls, its share is the others'.
    """
    fallen = [False] * len(p_values)
    for place in sorted(range(len(p_values)), key=lambda each: p_values[each] / shares[each]):
        left = sum(share for share, gone in zip(shares, fallen, strict=True) if not gone)
        if p_values[place] > alpha * shares[place] / left * (1 + 1e-9):
            break
        fallen[place] = True
    return fallen

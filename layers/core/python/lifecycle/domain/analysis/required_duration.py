"""How much longer to bake until there would be a verdict, if it goes on as it went.

Asked by domain/analysis/judge.py at an inconclusive end, for the human who decides. An estimate, with the spread seen so far.
"""

from math import ceil, erfc, sqrt

from lifecycle.domain.analysis.alpha_spending import alpha_weights, interim_analyses
from lifecycle.domain.analysis.comparison import LEVEL, Comparison
from lifecycle.domain.analysis.count_tests import non_inferiority_p
from lifecycle.domain.analysis.model import Rules
from lifecycle.domain.analysis.window import Window

# Longer than a day is no answer.
LONGEST = 1440
# The chance that a verdict comes in that time, if the spread is what it was.
_HOPE = 0.8
_GROWTH = 1.1


def required_duration(window: Window, rules: Rules, extensions: int) -> int | None:
    """Minutes to add to those window: until some metric fails, or else until the last one passes; None if unknown."""
    if window.minutes < 1:
        return None
    if window.shortfall(rules):
        return _until_enough(window, rules)
    alpha = interim_analyses(rules, extensions + 1)[-1].alpha
    shares = alpha_weights([each.measure for each in window.comparisons])
    failing, passing = [], []
    for found, share in zip(window.comparisons, shares, strict=True):
        if window.rules_out(found, rules):
            continue
        if len(found.degradations) < max(2, rules.minimum_minutes):
            passing.append(_times(rules.minimum_minutes, len(found.degradations)))
        elif found.estimate > 0 and found.estimate >= found.to_degradation(found.measure.minimum_effect):
            failing.append(_until_sure(found, found.estimate, alpha * share / sum(shares)))
        else:
            passing.append(max(_until_ruled_out(found), _until_counted(window, found)))
    times = min(failing) if failing else max(passing, default=1.0)
    return _minutes(window, times)


def _until_enough(window: Window, rules: Rules) -> int | None:
    fewest = min(window.requests_control, window.requests_test_bed)
    times = max(_times(rules.minimum_minutes, window.minutes), _times(rules.minimum_requests, fewest))
    return _minutes(window, times)


def _minutes(window: Window, times: float) -> int | None:
    if times * window.minutes > LONGEST:
        return None
    return max(1, ceil(window.minutes * (times - 1) - 1e-9))


def _times(wanted: float, found: float) -> float:
    return wanted / found if found else float("inf")


def _until_ruled_out(found: Comparison) -> float:
    return _until_sure(
        found, found.to_degradation(found.measure.non_inferiority_margin) - found.estimate, LEVEL
    )


def _until_sure(found: Comparison, distance: float, level: float) -> float:
    """How many times the minutes until a distance that goes on to be seen is told from none."""
    if distance <= 0:
        return float("inf")
    return ((_normal(level) + _normal(1 - _HOPE)) * found.standard_error() / distance) ** 2


def _until_counted(window: Window, found: Comparison) -> float:
    """How many times the requests until so few errors rule out what a PASS must; 1 for what is not of requests."""
    times = 1.0
    while found.measure.of_requests and times * window.minutes <= LONGEST:
        if non_inferiority_p(found.error_counts.scaled(times), found.measure.non_inferiority_margin) <= LEVEL:
            break
        times *= _GROWTH
    return times


def _normal(tail: float) -> float:
    """How many standard deviations out a normal tail begins, by halving."""
    low, high = 0.0, 10.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if erfc(middle / sqrt(2)) / 2 > tail else (low, middle)
    return high

"""Required duration: estimate how much longer a bake must run for a verdict.

Called by domain/analysis/judge.py at an inconclusive end, for the human who decides. The estimate assumes
that the effect and the standard error stay as they are.
"""

from math import ceil, erfc, sqrt

from lifecycle.domain.analysis.alpha_spending import alpha_weights, interim_analyses
from lifecycle.domain.analysis.comparison import LEVEL, Comparison
from lifecycle.domain.analysis.count_tests import non_inferiority_p
from lifecycle.domain.analysis.model import Rules
from lifecycle.domain.analysis.window import Window

# An estimate beyond a day is useless: it counts as unknown.
LONGEST = 1440
# The chance of a verdict within the estimated time (the power), if the standard error stays.
_POWER = 0.8
_GROWTH = 1.1


def required_duration(window: Window, rules: Rules, extensions: int) -> int | None:
    """Return the minutes to add until a metric fails or, if none is likely to, until the last one passes.

    Returns None if that is unknown, or if the whole bake would be longer than `LONGEST`.
    """
    if window.minutes < 1:
        return None
    if window.shortfall(rules):
        return _until_enough(window, rules)
    alpha = interim_analyses(rules, extensions + 1)[-1].alpha
    weights = alpha_weights([each.measure for each in window.comparisons])
    failing, passing = [], []
    for comparison, weight in zip(window.comparisons, weights, strict=True):
        measure = comparison.measure
        if window.rules_out(comparison, rules):
            continue
        if len(comparison.degradations) < max(2, rules.minimum_minutes):
            passing.append(_ratio(rules.minimum_minutes, len(comparison.degradations)))
        elif comparison.estimate > 0 and comparison.estimate >= comparison.to_degradation(measure.minimum_effect):
            failing.append(_until_significant(comparison, comparison.estimate, alpha * weight / sum(weights)))
        else:
            passing.append(max(_until_ruled_out(comparison), _until_enough_requests(window, comparison)))
    times = min(failing) if failing else max(passing, default=1.0)
    return _minutes(window, times)


def _until_enough(window: Window, rules: Rules) -> int | None:
    fewest = min(window.requests_control, window.requests_test_bed)
    times = max(_ratio(rules.minimum_minutes, window.minutes), _ratio(rules.minimum_requests, fewest))
    return _minutes(window, times)


def _minutes(window: Window, times: float) -> int | None:
    if times * window.minutes > LONGEST:
        return None
    return max(1, ceil(window.minutes * (times - 1) - 1e-9))


def _ratio(needed: float, found: float) -> float:
    return needed / found if found else float("inf")


def _until_ruled_out(comparison: Comparison) -> float:
    margin = comparison.to_degradation(comparison.measure.non_inferiority_margin)
    return _until_significant(comparison, margin - comparison.estimate, LEVEL)


def _until_significant(comparison: Comparison, distance: float, level: float) -> float:
    """Return the duration multiplier until a constant distance is significant at `level`."""
    if distance <= 0:
        return float("inf")
    return ((_normal_quantile(level) + _normal_quantile(1 - _POWER)) * comparison.standard_error() / distance) ** 2


def _until_enough_requests(window: Window, comparison: Comparison) -> float:
    """Return the sample-size multiplier until a PASS is possible; 1 for measures that are not of requests."""
    times = 1.0
    margin = comparison.measure.non_inferiority_margin
    while comparison.measure.of_requests and times * window.minutes <= LONGEST:
        if non_inferiority_p(comparison.error_counts.scaled(times), margin) <= LEVEL:
            break
        times *= _GROWTH
    return times


def _normal_quantile(tail: float) -> float:
    """Return the standard normal quantile with `tail` above it, by bisection between 0 and 10."""
    low, high = 0.0, 10.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if erfc(middle / sqrt(2)) / 2 > tail else (low, middle)
    return high

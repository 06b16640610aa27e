"""The judge: decide whether the test bed is worse than its control.

application/rollout/test_bed/analyse.py calls `judge` at every check of a bake. It is a pure function: the
same minutes always get the same verdict.

- FAIL: at an interim analysis (domain/analysis/alpha_spending.py), a metric is significantly worse by its
  minimum effect or more, or errors are frequent enough for early stopping (domain/analysis/count_tests.py).
- PASS: only at the planned end, when every metric has ruled out its non-inferiority margin.
- INCONCLUSIVE: everything else.

docs/test-bed-statistics.md has the measured error rates and the power.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lifecycle.domain.analysis.alpha_spending import (
    alpha_weights,
    early_stopping_alpha,
    holm_rejections,
    interim_analyses,
)
from lifecycle.domain.analysis.comparison import Comparison
from lifecycle.domain.analysis.count_tests import early_stopping_p
from lifecycle.domain.analysis.explain import (
    explain_metric,
    explain_missing_metric,
    explain_progress,
    explain_shortfall,
    explain_verdict,
)
from lifecycle.domain.analysis.model import Judgement, Measurements, MetricResult, Rules, Scale, Verdict
from lifecycle.domain.analysis.permutation_test import mean
from lifecycle.domain.analysis.pseudomedian import pseudomedian
from lifecycle.domain.analysis.required_duration import required_duration
from lifecycle.domain.analysis.window import Window


@dataclass(frozen=True, slots=True)
class Failure:
    """The window of the first analysis that failed, and the names of the metrics that failed in it."""

    window: Window
    failed: frozenset[str]


def judge(measurements: Measurements, rules: Rules, extensions: int = 0) -> Judgement:
    """Judge what was measured so far; `extensions` counts how often a human extended the bake.

    Total: accepts any series, including empty ones, ones full of None, and values that are not finite.
    Ignores minutes after the planned end.
    """
    if failure := find_failure(measurements, rules, extensions):
        return _judgement(failure.window, rules, failure.failed, extensions)
    return _judgement(Window.of(measurements, rules.planned_minutes), rules, frozenset(), extensions)


def find_failure(measurements: Measurements, rules: Rules, extensions: int = 0) -> Failure | None:
    """Return the first failure, or None. Every false alarm comes from here."""
    for analysis in interim_analyses(rules, extensions):
        if analysis.minutes > measurements.minutes:
            break
        window = Window.of(measurements, analysis.minutes)
        if not window.shortfall(rules) and (failed := _failed(window, rules, analysis.alpha)):
            return Failure(window, failed)
    return find_early_failure(measurements, rules)


def find_early_failure(measurements: Measurements, rules: Rules) -> Failure | None:
    """Return the failure of a proportion of requests, such as errors, that justifies early stopping, or None.

    Early stopping needs the minimum of requests, but not the minimum of minutes.
    """
    proportions = tuple(each for each in measurements.series if each.measure.of_requests)
    window = Window.of(replace(measurements, series=proportions), rules.planned_minutes)
    if not proportions or not window.minutes or window.request_shortfall(rules):
        return None
    level = early_stopping_alpha(rules, window.minutes) / len(proportions)
    p_values = [
        (each.measure.name, early_stopping_p(each.error_counts, each.measure.minimum_effect))
        for each in window.comparisons
    ]
    failed = frozenset(name for name, p in p_values if p <= level)
    return Failure(Window.of(measurements, rules.planned_minutes), failed) if failed else None


def _failed(window: Window, rules: Rules, alpha: float) -> frozenset[str]:
    p_values = [window.p_worse(each, rules) for each in window.comparisons]
    weights = alpha_weights([each.measure for each in window.comparisons])
    rejected = holm_rejections(p_values, weights, alpha)
    return frozenset(each.measure.name for each, failed in zip(window.comparisons, rejected, strict=True) if failed)


def _judgement(window: Window, rules: Rules, failed: frozenset[str], extensions: int) -> Judgement:
    ended, shortfall = window.minutes >= rules.planned_minutes, window.shortfall(rules)
    can_pass = ended and not shortfall
    metrics = tuple(
        _result(each, _verdict(window, each, rules, failed, can_pass=can_pass), window.minutes)
        for each in window.comparisons
    )
    verdict, measures = _overall(metrics), [each.measure for each in window.comparisons]
    more = None
    if verdict is Verdict.INCONCLUSIVE:
        remaining = rules.planned_minutes - window.minutes
        more = required_duration(window, rules, extensions) if ended else remaining
    if verdict is Verdict.INCONCLUSIVE and not ended:
        sentence = explain_progress(window.minutes, rules.planned_minutes)
    elif verdict is Verdict.INCONCLUSIVE and shortfall:
        sentence = explain_shortfall(shortfall, more)
    else:
        sentence = explain_verdict(verdict, list(zip(measures, metrics, strict=True)), window.minutes, more)
    counts = round(window.requests_control), round(window.requests_test_bed)
    return Judgement(verdict, sentence, metrics, window.minutes, *counts, more)


def _verdict(
    window: Window, comparison: Comparison, rules: Rules, failed: frozenset[str], *, can_pass: bool
) -> Verdict:
    if comparison.measure.name in failed:
        return Verdict.FAIL
    return Verdict.PASS if can_pass and window.rules_out(comparison, rules) else Verdict.INCONCLUSIVE


def _overall(metrics: Sequence[MetricResult]) -> Verdict:
    verdicts = {result.verdict for result in metrics}
    if Verdict.FAIL in verdicts:
        return Verdict.FAIL
    return Verdict.PASS if verdicts == {Verdict.PASS} else Verdict.INCONCLUSIVE


def _result(comparison: Comparison, verdict: Verdict, minutes: int) -> MetricResult:
    measure = comparison.measure
    if not comparison.degradations:
        sentence = explain_missing_metric(measure, verdict)
        return MetricResult(measure.name, verdict, sentence, None, None, None, None, None, None)
    low, high = comparison.bounds()
    typical = mean if measure.scale is Scale.DIFFERENCE else pseudomedian
    result = MetricResult(
        name=measure.name,
        verdict=verdict,
        sentence="",
        effect=comparison.effect,
        low=low,
        high=high,
        p=comparison.p_worse(),
        control=typical(comparison.control),
        test_bed=typical(comparison.test_bed),
    )
    return replace(result, sentence=explain_metric(measure, result, minutes))

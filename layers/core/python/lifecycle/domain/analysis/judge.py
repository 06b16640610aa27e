"""The judge: is the test bed worse than its control, is it surely not, or can nobody tell yet?

Called at every look by application/test_bed.py. The same minutes always get the same verdict, and nothing is
remembered between looks. FAIL: some metric is worse by what matters, and chance does not explain it, at one of the
looks of domain/analysis/alpha_spending.py. PASS: only at the planned end, when every metric has ruled out the degradation that it must.
Everything else is INCONCLUSIVE. docs/test-bed.md says how often that is wrong, and what it finds.
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
    """The look at which something failed first, and the names of the metrics that did."""

    window: Window
    failed: frozenset[str]


def judge(measurements: Measurements, rules: Rules, extensions: int = 0) -> Judgement:
    """Judge what was measured so far; `extensions` counts the ends after which a human asked for more minutes.

    Total: any series are judged, also empty ones, ones full of None, and values that are no numbers. What came after
    the planned end is not looked at.
    """
    if found := find_failure(measurements, rules, extensions):
        return _judgement(found.window, rules, found.failed, extensions)
    return _judgement(Window.of(measurements, rules.planned_minutes), rules, frozenset(), extensions)


def find_failure(measurements: Measurements, rules: Rules, extensions: int = 0) -> Failure | None:
    """What makes it FAIL, if anything does: every false alarm comes from here."""
    for look in interim_analyses(rules, extensions):
        if look.minutes > measurements.minutes:
            break
        window = Window.of(measurements, look.minutes)
        if not window.shortfall(rules) and (failed := _failed(window, rules, look.alpha)):
            return Failure(window, failed)
    return find_early_failure(measurements, rules)


def find_early_failure(measurements: Measurements, rules: Rules) -> Failure | None:
    """Shares of the requests, such as errors, that nobody should wait for: not even for the least minutes."""
    shares = tuple(each for each in measurements.series if each.measure.of_requests)
    counted = Window.of(replace(measurements, series=shares), rules.planned_minutes)
    if not shares or not counted.minutes or counted.request_shortfall(rules):
        return None
    level = early_stopping_alpha(rules, counted.minutes) / len(shares)
    p_values = [
        (each.measure.name, early_stopping_p(each.error_counts, each.measure.minimum_effect))
        for each in counted.comparisons
    ]
    failed = frozenset(name for name, p in p_values if p <= level)
    return Failure(Window.of(measurements, rules.planned_minutes), failed) if failed else None


def _failed(window: Window, rules: Rules, alpha: float) -> frozenset[str]:
    p_values = [window.p_worse(each, rules) for each in window.comparisons]
    fallen = holm_rejections(p_values, alpha_weights([each.measure for each in window.comparisons]), alpha)
    return frozenset(each.measure.name for each, down in zip(window.comparisons, fallen, strict=True) if down)


def _judgement(window: Window, rules: Rules, failed: frozenset[str], extensions: int) -> Judgement:
    ended, lacking = window.minutes >= rules.planned_minutes, window.shortfall(rules)
    can_pass = ended and not lacking
    metrics = tuple(
        _measured(each, _verdict(window, each, rules, failed, can_pass=can_pass), window.minutes)
        for each in window.comparisons
    )
    verdict, measures = _overall(metrics), [each.measure for each in window.comparisons]
    more = None
    if verdict is Verdict.INCONCLUSIVE:
        more = (
            required_duration(window, rules, extensions) if ended else rules.planned_minutes - window.minutes
        )
    if verdict is Verdict.INCONCLUSIVE and not ended:
        sentence = explain_progress(window.minutes, rules.planned_minutes)
    elif verdict is Verdict.INCONCLUSIVE and lacking:
        sentence = explain_shortfall(lacking, more)
    else:
        sentence = explain_verdict(verdict, list(zip(measures, metrics, strict=True)), window.minutes, more)
    counts = round(window.requests_control), round(window.requests_test_bed)
    return Judgement(verdict, sentence, metrics, window.minutes, *counts, more)


def _verdict(
    window: Window, found: Comparison, rules: Rules, failed: frozenset[str], *, can_pass: bool
) -> Verdict:
    if found.measure.name in failed:
        return Verdict.FAIL
    return Verdict.PASS if can_pass and window.rules_out(found, rules) else Verdict.INCONCLUSIVE


def _overall(metrics: Sequence[MetricResult]) -> Verdict:
    verdicts = {found.verdict for found in metrics}
    if Verdict.FAIL in verdicts:
        return Verdict.FAIL
    return Verdict.PASS if verdicts == {Verdict.PASS} else Verdict.INCONCLUSIVE


def _measured(found: Comparison, verdict: Verdict, minutes: int) -> MetricResult:
    measure = found.measure
    if not found.degradations:
        sentence = explain_missing_metric(measure, verdict)
        return MetricResult(measure.name, verdict, sentence, None, None, None, None, None, None)
    low, high = found.bounds()
    middle = mean if measure.scale is Scale.DIFFERENCE else pseudomedian
    told = MetricResult(
        name=measure.name,
        verdict=verdict,
        sentence="",
        effect=found.effect,
        low=low,
        high=high,
        p=found.p_worse(),
        control=middle(found.control),
        test_bed=middle(found.test_bed),
    )
    return replace(told, sentence=explain_metric(measure, told, minutes))

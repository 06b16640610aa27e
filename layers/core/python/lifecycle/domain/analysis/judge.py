"""The judge: is the test bed worse than its control, is it surely not, or can nobody tell yet?

Called at every look by application/test_bed.py. The same minutes always get the same verdict, and nothing is
remembered between looks. FAIL: some metric is worse by what matters, and chance does not explain it, at one of the
looks of domain/analysis/alpha_spending.py. PASS: only at the planned end, when every metric has ruled out the degradation that it must.
Everything else is INCONCLUSIVE. docs/test-bed.md says how often that is wrong, and what it finds.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lifecycle.domain.analysis.alpha_spending import looks, obvious_alpha, rejected, weights
from lifecycle.domain.analysis.comparison import Comparison
from lifecycle.domain.analysis.count_tests import p_obvious
from lifecycle.domain.analysis.explain import (
    of_a_beginning,
    of_everything,
    of_metric,
    of_nothing,
    of_too_little,
)
from lifecycle.domain.analysis.model import Baked, Judgement, Measured, Rules, Scale, Verdict
from lifecycle.domain.analysis.permutation_test import mean
from lifecycle.domain.analysis.pseudomedian import pseudomedian
from lifecycle.domain.analysis.required_duration import more_minutes
from lifecycle.domain.analysis.window import Seen


@dataclass(frozen=True, slots=True)
class Alarm:
    """The look at which something failed first, and the names of the metrics that did."""

    seen: Seen
    failed: frozenset[str]


def judge(baked: Baked, rules: Rules, looks_before: int = 0) -> Judgement:
    """Judge what was measured so far; `looks_before` counts the ends after which a human asked for more minutes.

    Total: any series are judged, also empty ones, ones full of None, and values that are no numbers. What came after
    the planned end is not looked at.
    """
    if found := alarm(baked, rules, looks_before):
        return _judgement(found.seen, rules, found.failed, looks_before)
    return _judgement(Seen.of(baked, rules.planned_minutes), rules, frozenset(), looks_before)


def alarm(baked: Baked, rules: Rules, looks_before: int = 0) -> Alarm | None:
    """What makes it FAIL, if anything does: every false alarm comes from here."""
    for look in looks(rules, looks_before):
        if look.minutes > baked.minutes:
            break
        seen = Seen.of(baked, look.minutes)
        if not seen.lacking(rules) and (failed := _failed(seen, rules, look.alpha)):
            return Alarm(seen, failed)
    return obvious(baked, rules)


def obvious(baked: Baked, rules: Rules) -> Alarm | None:
    """Shares of the requests, such as errors, that nobody should wait for: not even for the least minutes."""
    shares = tuple(each for each in baked.series if each.measure.of_requests)
    counted = Seen.of(replace(baked, series=shares), rules.planned_minutes)
    if not shares or not counted.minutes or counted.too_few_requests(rules):
        return None
    level = obvious_alpha(rules, counted.minutes) / len(shares)
    p_values = [
        (each.measure.name, p_obvious(each.counted, each.measure.matters)) for each in counted.compared
    ]
    failed = frozenset(name for name, p in p_values if p <= level)
    return Alarm(Seen.of(baked, rules.planned_minutes), failed) if failed else None


def _failed(seen: Seen, rules: Rules, alpha: float) -> frozenset[str]:
    p_values = [seen.p_worse(each, rules) for each in seen.compared]
    fallen = rejected(p_values, weights([each.measure for each in seen.compared]), alpha)
    return frozenset(each.measure.name for each, down in zip(seen.compared, fallen, strict=True) if down)


def _judgement(seen: Seen, rules: Rules, failed: frozenset[str], looks_before: int) -> Judgement:
    ended, lacking = seen.minutes >= rules.planned_minutes, seen.lacking(rules)
    can_pass = ended and not lacking
    metrics = tuple(
        _measured(each, _verdict(seen, each, rules, failed, can_pass=can_pass), seen.minutes)
        for each in seen.compared
    )
    verdict, measures = _overall(metrics), [each.measure for each in seen.compared]
    more = None
    if verdict is Verdict.INCONCLUSIVE:
        more = more_minutes(seen, rules, looks_before) if ended else rules.planned_minutes - seen.minutes
    if verdict is Verdict.INCONCLUSIVE and not ended:
        sentence = of_a_beginning(seen.minutes, rules.planned_minutes)
    elif verdict is Verdict.INCONCLUSIVE and lacking:
        sentence = of_too_little(lacking, more)
    else:
        sentence = of_everything(verdict, list(zip(measures, metrics, strict=True)), seen.minutes, more)
    counts = round(seen.requests_control), round(seen.requests_test_bed)
    return Judgement(verdict, sentence, metrics, seen.minutes, *counts, more)


def _verdict(
    seen: Seen, found: Comparison, rules: Rules, failed: frozenset[str], *, can_pass: bool
) -> Verdict:
    if found.measure.name in failed:
        return Verdict.FAIL
    return Verdict.PASS if can_pass and seen.rules_out(found, rules) else Verdict.INCONCLUSIVE


def _overall(metrics: Sequence[Measured]) -> Verdict:
    verdicts = {found.verdict for found in metrics}
    if Verdict.FAIL in verdicts:
        return Verdict.FAIL
    return Verdict.PASS if verdicts == {Verdict.PASS} else Verdict.INCONCLUSIVE


def _measured(found: Comparison, verdict: Verdict, minutes: int) -> Measured:
    measure = found.measure
    if not found.worse:
        sentence = of_nothing(measure, verdict)
        return Measured(measure.name, verdict, sentence, None, None, None, None, None, None)
    low, high = found.bounds()
    middle = mean if measure.scale is Scale.DIFFERENCE else pseudomedian
    told = Measured(
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
    return replace(told, sentence=of_metric(measure, told, minutes))

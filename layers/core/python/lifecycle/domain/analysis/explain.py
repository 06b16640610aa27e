"""Sentences that explain a judgement to an operator.

Used by domain/analysis/judge.py. An example: "error rate of 3.1 % against 0 % on the control, over 24
minutes: 3.1 points worse, between 1.9 and 4.2 points; FAIL".
"""

from collections.abc import Sequence

from lifecycle.domain.analysis.model import Measure, MetricResult, Scale, Verdict


def explain_metric(measure: Measure, result: MetricResult, minutes: int) -> str:
    """Explain one metric: both sides, the effect, and its confidence bounds.

    Each bound is wrong in 5 % of all cases.
    """
    text = f"{_sides(measure, result, minutes)}, {_between(measure, result)}"
    if result.verdict is Verdict.INCONCLUSIVE:
        text += f"; {_amount(measure, measure.non_inferiority_margin)} worse is not ruled out"
    return f"{text}; {result.verdict}"


def explain_missing_metric(measure: Measure, verdict: Verdict) -> str:
    """Explain a metric without a minute in which both hosts have a value."""
    return f"{measure.name}: no minute has a value from both hosts; {verdict}"


def explain_progress(minutes: int, planned: int) -> str:
    """Explain a bake that goes on and has not failed."""
    return f"{minutes} of {_minutes(planned)}: nothing has failed so far"


def explain_shortfall(shortfall: str, more: int | None) -> str:
    """Explain which data is missing for a judgement."""
    return f"too little to judge: {shortfall}{_more(more)}"


def explain_verdict(
    verdict: Verdict, metrics: Sequence[tuple[Measure, MetricResult]], minutes: int, more: int | None
) -> str:
    """Explain the verdict: the failed metrics, the undecided metrics, or the bounds of a PASS."""
    if verdict is Verdict.PASS:
        worst = "; ".join(f"{result.name} {_at_most(measure, result)}" for measure, result in metrics)
        return f"as good as the control over {_minutes(minutes)}: {worst}"
    sentences = ". ".join(result.sentence for _, result in metrics if result.verdict is verdict)
    return sentences if verdict is Verdict.FAIL else f"{sentences}{_more(more)}"


def _sides(measure: Measure, result: MetricResult, minutes: int) -> str:
    control, test_bed = _value(measure, result.control), _value(measure, result.test_bed)
    sides = f"{measure.name} of {test_bed} against {control} on the control, over {_minutes(minutes)}"
    return f"{sides}: {_degraded(measure, result.effect or 0.0)}"


def _at_most(measure: Measure, result: MetricResult) -> str:
    high = result.high or 0.0
    return f"at most {_degraded(measure, high)}" if high > 0 else f"at least {_degraded(measure, high)}"


def _more(more: int | None) -> str:
    if more is None:
        return "; how much longer it would take is unknown"
    return f"; it would take about {_minutes(more)} more"


def _minutes(count: int) -> str:
    return "1 minute" if count == 1 else f"{count} minutes"


def _value(measure: Measure, value: float | None) -> str:
    value = value or 0.0
    if measure.of_requests:
        return f"{_rounded(100 * value)} %"
    if measure.unit == "s" and abs(value) < 1:
        return f"{_rounded(1000 * value)} ms"
    return f"{_rounded(value)} {measure.unit}".rstrip()


def _degraded(measure: Measure, effect: float) -> str:
    if _rounded(100 * effect) in ("0", "-0"):
        return "no worse"
    return f"{_amount(measure, abs(effect))} {'worse' if effect > 0 else 'better'}"


def _amount(measure: Measure, effect: float) -> str:
    return f"{_figure(measure, effect)} {_unit(measure)}".rstrip()


def _figure(measure: Measure, effect: float) -> str:
    return _rounded(100 * effect if measure.scale is Scale.RATIO or measure.of_requests else effect)


def _unit(measure: Measure) -> str:
    return "%" if measure.scale is Scale.RATIO else "points" if measure.of_requests else measure.unit


def _between(measure: Measure, result: MetricResult) -> str:
    if result.low is None or result.high is None:
        return "too few minutes for bounds"
    if result.low > 0 or result.high < 0:
        near, far = sorted((abs(result.low), abs(result.high)))
        return f"between {_figure(measure, near)} and {_amount(measure, far)}"
    return f"between {_degraded(measure, result.low)} and {_degraded(measure, result.high)}"


def _rounded(value: float) -> str:
    """Round to readable precision."""
    size = abs(value)
    digits = 0 if size >= 100 else 1 if size >= 1 else 2 if size >= 0.1 else 4
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text

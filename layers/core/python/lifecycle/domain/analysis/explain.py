"""What the judge says, for an operator at night.

Used by domain/analysis/judge.py: "error rate of 3.1 % against 0 % on the control, over 24 minutes: 3.1 points worse, between
1.9 and 4.2 points; FAIL".
"""

from collections.abc import Sequence

from lifecycle.domain.analysis.model import Measure, MetricResult, Scale, Verdict


def explain_metric(measure: Measure, found: MetricResult, minutes: int) -> str:
    """One metric: both sides, how much worse, between which bounds; each of these is wrong in 5 % of all cases."""
    told = f"{_sides(measure, found, minutes)}, {_between(measure, found)}"
    if found.verdict is Verdict.INCONCLUSIVE:
        told += f"; {_amount(measure, measure.non_inferiority_margin)} worse is not ruled out"
    return f"{told}; {found.verdict}"


def explain_missing_metric(measure: Measure, verdict: Verdict) -> str:
    """One metric that was never told by both hosts."""
    return f"{measure.name}: there is no minute that both hosts told it in; {verdict}"


def explain_progress(minutes: int, planned: int) -> str:
    """While it bakes, and nothing has failed."""
    return f"{minutes} of {_minutes(planned)}: nothing has failed so far"


def explain_shortfall(lacking: str, more: int | None) -> str:
    """Why nothing can be judged."""
    return f"too little to judge: {lacking}{_more(more)}"


def explain_verdict(
    verdict: Verdict, metrics: Sequence[tuple[Measure, MetricResult]], minutes: int, more: int | None
) -> str:
    """The verdict's reason: what failed, or what is open, or that everything passed."""
    if verdict is Verdict.PASS:
        worst = "; ".join(f"{found.name} {_at_most(measure, found)}" for measure, found in metrics)
        return f"as good as the control over {_minutes(minutes)}: {worst}"
    telling = ". ".join(found.sentence for _, found in metrics if found.verdict is verdict)
    return telling if verdict is Verdict.FAIL else f"it cannot be told: {telling}{_more(more)}"


def _sides(measure: Measure, found: MetricResult, minutes: int) -> str:
    control, test_bed = _value(measure, found.control), _value(measure, found.test_bed)
    sides = f"{measure.name} of {test_bed} against {control} on the control, over {_minutes(minutes)}"
    return f"{sides}: {_degraded(measure, found.effect or 0.0)}"


def _at_most(measure: Measure, found: MetricResult) -> str:
    high = found.high or 0.0
    return f"at most {_degraded(measure, high)}" if high > 0 else f"at least {_degraded(measure, high)}"


def _more(more: int | None) -> str:
    if more is None:
        return "; how much longer it would take cannot be told"
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


def _between(measure: Measure, found: MetricResult) -> str:
    if found.low is None or found.high is None:
        return "within bounds that so few minutes do not tell"
    if found.low > 0 or found.high < 0:
        near, far = sorted((abs(found.low), abs(found.high)))
        return f"between {_figure(measure, near)} and {_amount(measure, far)}"
    return f"between {_degraded(measure, found.low)} and {_degraded(measure, found.high)}"


def _rounded(value: float) -> str:
    """None of the figures behind the point that nobody needs."""
    size = abs(value)
    digits = 0 if size >= 100 else 1 if size >= 1 else 2 if size >= 0.1 else 4
    told = f"{value:,.{digits}f}"
    return told.rstrip("0").rstrip(".") if "." in told else told

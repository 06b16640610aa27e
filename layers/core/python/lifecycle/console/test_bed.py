"""The widget of test beds: charts against the control, the verdict, and a table of the metrics.

Drawn for functions/console/show_test_bed.
"""

from collections.abc import Mapping
from math import isfinite

from lifecycle.application.queries.fact_words import bed_status
from lifecycle.application.queries.state_words import VERDICTS
from lifecycle.application.queries.test_beds import TestBedsView, TestBedView
from lifecycle.console.components import filters, soft, table, unreadable_rows, widget
from lifecycle.console.context import ViewContext
from lifecycle.console.html import Child, Markup, tag
from lifecycle.console.line_chart import chart, figure
from lifecycle.console.status_styles import status_badge
from lifecycle.domain.analysis.model import Judgement, Measure, MetricResult, Scale
from lifecycle.domain.listing import counted
from lifecycle.domain.time_format import minute

_WIDEST, _NARROWEST = 460, 280
_SIDES = 48


def draw_test_bed(found: TestBedsView, context: ViewContext) -> Markup:
    """Draw the test beds that bake, then the newest judged one of each cluster."""
    parts: list[Child] = [filters(context, found.page), unreadable_rows(found.unreadable)]
    parts += [_bed(each, context) for each in found.beds]
    if not found.beds:
        parts.append(tag("p", f"No deployment {_where(found)} had a test bed: set bake_minutes in lifecycle.toml."))
    if found.more:
        parts.append(tag("p", f"{found.more} more are not shown: choose a service."))
    return widget(context, parts)


def _where(found: TestBedsView) -> str:
    page = found.page
    return f"of the clusters on page {page.number} of {page.of}" if page.of > 1 else "here"


def _bed(view: TestBedView, context: ViewContext) -> Markup:
    bed, current = view.bed, view.deployment
    width = max(_NARROWEST, min(_WIDEST, context.width - _SIDES))
    minutes = bed.judgement.minutes if bed.judgement else 0
    charts = tag("div", (tag("div", chart(each, width, minutes)) for each in bed.series), class_="lc-row")
    title = f"{current.cluster}: {current.target.version} on {bed.host} against {bed.control or 'no control'}"
    before = f", which runs {current.previous.version}" if current.previous and bed.control else ""
    return tag(
        "section",
        tag("h2", title),
        tag("p", status_badge(bed_status(bed, view.questions)), " ", bed.reason),
        tag("p", soft(f"The control is {bed.control or 'missing'}{before}, restarted for this. {_when(view)}")),
        _verdict(bed.judgement),
        tag("p", _legend()),
        charts if bed.series else tag("p", soft("Nothing was measured yet.")),
        _metrics(bed.judgement, {each.measure.name: each.measure for each in bed.series}),
        class_="lc-card",
        aria_label=f"Test bed of {current.id}",
    )


def _when(view: TestBedView) -> str:
    bed = view.bed
    ended = f", ended {minute(bed.ended_at)}" if bed.ended_at else ""
    return f"Began {minute(bed.began_at)}, bakes for {counted(bed.minutes, 'minute')}{ended}; {view.deployment.id}."


def _legend() -> list[Child]:
    def line(kind: str, dashes: str | None) -> Markup:
        stroke = tag("line", x1=0, y1=6, x2=28, y2=6, class_=kind, stroke_width=2, stroke_dasharray=dashes)
        return tag("svg", stroke, viewBox="0 0 28 12", width=28, height=12, aria_hidden="true", class_="lc-key")

    return [line("lc-bed", None), " test bed (solid) ", line("lc-control", "5 4"), " control (dashed)"]


def _verdict(judged: Judgement | None) -> Child:
    if judged is None:
        return tag("p", soft("There is no verdict yet."))
    more = (
        f" About {counted(judged.more_minutes, 'more minute')} would decide it."
        if judged.more_minutes is not None
        else ""
    )
    here = counted(judged.requests_test_bed, "request")
    requests = f"{here} on the test bed, {judged.requests_control} on the control"
    return [
        tag("p", status_badge(VERDICTS[judged.verdict]), " ", tag("strong", judged.sentence), more),
        tag("p", soft(f"After {counted(judged.minutes, 'minute')}; {requests}.")),
    ]


def _metrics(judged: Judgement | None, measures: Mapping[str, Measure]) -> Markup | None:
    if judged is None or not judged.metrics:
        return None
    columns = ("metric", "verdict", "test bed", "control", "worse by", "between", "p", "why")
    return table(
        "The verdict, metric by metric", columns, [_row(each, measures.get(each.name)) for each in judged.metrics]
    )


def _row(each: MetricResult, measure: Measure | None) -> list[Child]:
    share = measure is not None and measure.scale is Scale.RATIO
    return [
        each.name,
        status_badge(VERDICTS[each.verdict]),
        _number(each.test_bed),
        _number(each.control),
        _number(each.effect, share=share),
        f"{_number(each.low, share=share)} and {_number(each.high, share=share)}",
        f"{each.p:.3f}" if each.p is not None else "-",
        each.sentence,
    ]


def _number(value: float | None, *, share: bool = False) -> str:
    """Return a number for people; the effect on a ratio is a percentage."""
    if value is None or not isfinite(value):
        return "-"
    value += 0.0  # a zero has no sign for a reader
    return f"{value:.1%}" if share else figure(value)

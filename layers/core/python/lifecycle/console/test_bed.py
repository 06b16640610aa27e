"""The test bed against its control: what is measured as charts, the verdict in a sentence, a table a metric."""

from collections.abc import Mapping
from math import isfinite

from lifecycle.application.queries.test_beds import Beds, BedSight
from lifecycle.console.components import badge, filters, soft, table, widget
from lifecycle.console.context import Frame
from lifecycle.console.html import Child, Markup, tag
from lifecycle.console.line_chart import chart, figure
from lifecycle.console.status_styles import BEDS, VERDICTS
from lifecycle.domain.analysis.model import Judgement, Measure, MetricResult, Scale
from lifecycle.domain.time_format import minute

_WIDEST, _NARROWEST = 460, 280
_SIDES = 48


def draw_test_bed(found: Beds, frame: Frame) -> Markup:
    """The test beds that bake, or those of late."""
    parts: list[Child] = [filters(frame, found.page), [_bed(each, frame) for each in found.beds]]
    if not found.beds:
        told = (
            "No deployment of late had a test bed: a policy asks for one with bake_minutes in lifecycle.toml."
        )
        parts.append(tag("p", told))
    return widget(frame, parts)


def _bed(sight: BedSight, frame: Frame) -> Markup:
    bed, current = sight.bed, sight.deployment
    width = max(_NARROWEST, min(_WIDEST, frame.width - _SIDES))
    minutes = bed.judgement.minutes if bed.judgement else 0
    charts = tag("div", (tag("div", chart(each, width, minutes)) for each in bed.series), class_="lc-row")
    title = f"{current.cluster}: {current.target.version} on {bed.host} against {bed.control or 'no control'}"
    before = f", which runs {current.previous.version}" if current.previous and bed.control else ""
    return tag(
        "section",
        tag("h2", title),
        tag("p", badge(BEDS[bed.state], bed.state), " ", bed.reason),
        tag(
            "p",
            soft(f"The control is {bed.control or 'missing'}{before}, restarted for this. {_when(sight)}"),
        ),
        _verdict(bed.judgement),
        tag("p", _legend()),
        charts if bed.series else tag("p", soft("Nothing was measured yet.")),
        _metrics(bed.judgement, {each.measure.name: each.measure for each in bed.series}),
        class_="lc-card",
        aria_label=f"Test bed of {current.id}",
    )


def _when(sight: BedSight) -> str:
    bed = sight.bed
    ended = f", ended {minute(bed.ended_at)}" if bed.ended_at else ""
    return f"Began {minute(bed.began_at)}, bakes for {bed.minutes} minutes{ended}; {sight.deployment.id}."


def _legend() -> list[Child]:
    def line(kind: str, dashes: str | None) -> Markup:
        stroke = tag("line", x1=0, y1=6, x2=28, y2=6, class_=kind, stroke_width=2, stroke_dasharray=dashes)
        return tag(
            "svg", stroke, viewBox="0 0 28 12", width=28, height=12, aria_hidden="true", class_="lc-key"
        )

    return [line("lc-bed", None), " test bed (solid) ", line("lc-control", "5 4"), " control (dashed)"]


def _verdict(judged: Judgement | None) -> Child:
    if judged is None:
        return tag("p", soft("There is no verdict yet."))
    more = f" About {judged.more_minutes} more minutes would tell." if judged.more_minutes is not None else ""
    requests = (
        f"{judged.requests_test_bed} requests on the test bed, {judged.requests_control} on the control"
    )
    return [
        tag("p", badge(VERDICTS[judged.verdict], judged.verdict), " ", tag("strong", judged.sentence), more),
        tag("p", soft(f"After {judged.minutes} minutes; {requests}.")),
    ]


def _metrics(judged: Judgement | None, measures: Mapping[str, Measure]) -> Markup | None:
    if judged is None or not judged.metrics:
        return None
    columns = ("metric", "verdict", "test bed", "control", "worse by", "between", "p", "why")
    return table(
        "The verdict, metric by metric",
        columns,
        [_row(each, measures.get(each.name)) for each in judged.metrics],
    )


def _row(each: MetricResult, measure: Measure | None) -> list[Child]:
    share = measure is not None and measure.scale is Scale.RATIO
    return [
        each.name,
        badge(VERDICTS[each.verdict], each.verdict),
        _told(each.test_bed),
        _told(each.control),
        _told(each.effect, share=share),
        f"{_told(each.low, share=share)} and {_told(each.high, share=share)}",
        f"{each.p:.3f}" if each.p is not None else "-",
        each.sentence,
    ]


def _told(value: float | None, *, share: bool = False) -> str:
    """A figure; how much worse a ratio is, in percent."""
    if value is None or not isfinite(value):
        return "-"
    value += 0.0  # a zero has no sign for a reader
    return f"{value:.1%}" if share else figure(value)

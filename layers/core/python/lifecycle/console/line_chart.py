"""A line chart of two series as SVG: the test bed is solid with dots, its control is dashed."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from lifecycle.console.html import Child, Markup, tag
from lifecycle.domain.analysis.downsampling import limit_points
from lifecycle.domain.analysis.model import Series

_HEIGHT = 150
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 8, 22, 22
_DIGIT = 7  # pixels that a character of a label may take
_DOTS = 40

Values = Sequence[float | None]


def chart(series: Series, width: int, minutes: int = 0) -> Markup:
    """Draw one metric over the minutes of a bake; a minute without data is a gap.

    `minutes` is the length of the bake, where its series was downsampled.
    """
    minutes = max(minutes, len(series.test_bed))
    bed, control = limit_points(series.test_bed), limit_points(series.control)
    values = [value for value in (*bed, *control) if value is not None]
    low, high = bounds(values)
    name = f"{series.measure.name}{f' in {series.measure.unit}' if series.measure.unit else ''}"
    label = f"{name}, the test bed against its control, over {minutes} minutes"
    scale = _Scale(width, max(len(bed), len(control)), low, high)
    parts: list[Child] = [
        tag("title", label),
        tag("text", name, x=4, y=14),
        _axes(scale, minutes),
        _lines(control, scale, "lc-control", dashes="5 4"),
        _lines(bed, scale, "lc-bed"),
    ]
    if len(bed) <= _DOTS:
        parts.append(
            [
                tag("circle", cx=scale.x(place), cy=scale.y(value), r=2.5, class_="lc-bed-dot")
                for place, value in enumerate(bed)
                if value is not None
            ]
        )
    if not values:
        parts.append(tag("text", "nothing was measured yet", x=scale.left + 8, y=_HEIGHT / 2))
    return tag(
        "svg", parts, viewBox=f"0 0 {width} {_HEIGHT}", width=width, height=_HEIGHT, role="img", aria_label=label
    )


def bounds(values: Sequence[float]) -> tuple[float, float]:
    """Return the ends of the vertical axis: from 0 where that does not flatten the lines, and never equal."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    if low >= 0 and low < high / 2:
        low = 0.0
    if high <= low and low > 0:
        return 0.0, 2 * high
    if high <= low:
        return (2 * low, 0.0) if low else (0.0, 1.0)
    return low, high


class _Scale:
    """The mapping of positions and values to points of the picture."""

    def __init__(self, width: int, points: int, low: float, high: float) -> None:
        self.low, self.high, self.width = low, high, width
        longest = max(len(figure(each)) for each in self.ticks)
        self.left = max(_LEFT, 8 + _DIGIT * longest)  # a label is never cut
        self._step = (width - self.left - _RIGHT) / max(1, points - 1)

    @property
    def ticks(self) -> tuple[float, float, float]:
        """The labelled values of the vertical axis."""
        return self.low, (self.low + self.high) / 2, self.high

    def x(self, place: int) -> float:
        return self.left + place * self._step

    def y(self, value: float) -> float:
        height = (value - self.low) / (self.high - self.low)
        return _HEIGHT - _BOTTOM - height * (_HEIGHT - _TOP - _BOTTOM)


def _axes(scale: _Scale, minutes: int) -> list[Child]:
    right = scale.width - _RIGHT
    parts: list[Child] = []
    left = scale.left
    for value in scale.ticks:
        y = scale.y(value)
        parts.append(tag("line", x1=left, y1=y, x2=right, y2=y, class_="lc-axis"))
        parts.append(tag("text", figure(value), x=left - 4, y=y + 4, text_anchor="end", class_="lc-soft"))
    parts.append(tag("text", "0", x=left, y=_HEIGHT - 6, class_="lc-soft"))
    end = f"{minutes} min"
    parts.append(tag("text", end, x=right, y=_HEIGHT - 6, text_anchor="end", class_="lc-soft"))
    return parts


def _lines(values: Values, scale: _Scale, kind: str, dashes: str | None = None) -> list[Markup]:
    return [
        tag(
            "polyline",
            points=" ".join(f"{scale.x(place):.1f},{scale.y(value):.1f}" for place, value in run),
            class_=kind,
            stroke_width=2,
            stroke_dasharray=dashes,
        )
        for run in _runs(values)
    ]


def _runs(values: Values) -> Iterator[list[tuple[int, float]]]:
    """Yield the stretches without a gap."""
    points = [(place, value) for place, value in enumerate(values) if value is not None]
    run: list[tuple[int, float]] = points[:1]
    for (before, _), point in pairwise(points):
        if point[0] == before + 1:
            run.append(point)
        else:
            yield run
            run = [point]
    if run:
        yield run


def figure(value: float) -> str:
    """Return a number with three significant digits, and without an exponent."""
    size = abs(value)
    if size >= 1000 or size == 0:
        return f"{value:,.0f}"
    text = f"{value:.3g}" if size >= 0.0001 else f"{value:.6f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text

"""What is kept of a bake's minutes for the console to draw; the judge has seen all of them.

Used by application/rollout/test_bed/analyse.py. A test bed is one record, and a store's may be no larger than DynamoDB's 400 KB.
"""

from collections.abc import Sequence

from lifecycle.domain.analysis.model import Series
from lifecycle.domain.analysis.permutation_test import mean

# As many as a chart shows apart, and as many as there are looks at a bake.
MOST_POINTS = 240
_DIGITS = 6

_Values = Sequence[float | None]


def downsample(series: Sequence[Series]) -> tuple[Series, ...]:
    """The series, `limit_points`, of six significant digits each."""
    return tuple(Series(each.measure, _rounded(each.control), _rounded(each.test_bed)) for each in series)


def limit_points(values: _Values) -> tuple[float | None, ...]:
    """At most `MOST_POINTS` values: of a longer bake the means of equally many minutes, the last perhaps of fewer.

    Shares, levels and ratios are told by their mean, and no measure is a count. None where nothing was told in all
    of a stretch.
    """
    length = -(-len(values) // MOST_POINTS) or 1
    return tuple(_point(values[start : start + length]) for start in range(0, len(values), length))


def _point(minutes: _Values) -> float | None:
    told = [value for value in minutes if value is not None]
    return mean(told) if told else None


def _rounded(values: _Values) -> tuple[float | None, ...]:
    return tuple(None if value is None else float(f"{value:.{_DIGITS}g}") for value in limit_points(values))

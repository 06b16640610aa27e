"""Downsampling: reduce the minutes of a bake to the points that the console draws.

Used by application/rollout/test_bed/analyse.py, which stores them, and by console/line_chart.py. The judge
reads every minute. A test bed is one record, and DynamoDB takes at most 400 KB.
"""

from collections.abc import Sequence

from lifecycle.domain.analysis.model import Series
from lifecycle.domain.analysis.permutation_test import mean

# A chart shows no more points apart, and a bake is checked no more often.
MOST_POINTS = 240
_DIGITS = 6

_Values = Sequence[float | None]


def downsample(series: Sequence[Series]) -> tuple[Series, ...]:
    """Return each series with at most `MOST_POINTS` points of six significant digits."""
    return tuple(Series(each.measure, _rounded(each.control), _rounded(each.test_bed)) for each in series)


def limit_points(values: _Values) -> tuple[float | None, ...]:
    """Return at most `MOST_POINTS` values: means of equally many minutes, of fewer in the last bucket.

    The mean is right for proportions, levels and ratios, and no measure is a count. A bucket
    without data is None.
    """
    length = -(-len(values) // MOST_POINTS) or 1
    return tuple(_bucket_mean(values[start : start + length]) for start in range(0, len(values), length))


def _bucket_mean(minutes: _Values) -> float | None:
    measured = [value for value in minutes if value is not None]
    return mean(measured) if measured else None


def _rounded(values: _Values) -> tuple[float | None, ...]:
    return tuple(None if value is None else float(f"{value:.{_DIGITS}g}") for value in limit_points(values))

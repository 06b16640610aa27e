"""Few numbers for many: median, extremes and count, in seconds."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import TypeAlias

Figures: TypeAlias = dict[str, float | int]


def summary(values: Iterable[float]) -> Figures:
    """Median, least, greatest and how many; empty when there are none."""
    ordered = sorted(values)
    if not ordered:
        return {}
    return {
        "median": round(median(ordered), 4),
        "min": round(ordered[0], 4),
        "max": round(ordered[-1], 4),
        "n": len(ordered),
    }


def by_name(rows: Sequence[Mapping[str, float]]) -> dict[str, Figures]:
    """A summary of each name that occurs, in the order of its first occurrence."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: summary(row[name] for row in rows if name in row) for name in names}

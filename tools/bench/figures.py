"""Summaries of many values: median, least, greatest and count."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import TypeAlias

Figures: TypeAlias = dict[str, float | int]


def summary(values: Iterable[float]) -> Figures:
    """Return median, least, greatest and count; empty when there are no values."""
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
    """Return a summary for each name, in the order of first occurrence."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: summary(row[name] for row in rows if name in row) for name in names}

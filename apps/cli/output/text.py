"""Format times, durations and untrusted text for an operator's screen; pure. All times are UTC.

Used by every command that prints for people.
"""

import re
import textwrap
from collections.abc import Iterable
from datetime import datetime

from lifecycle.domain.time_format import ago, ahead, lasting, minute, moment, time_of_day
from lifecycle.domain.visible_text import visible

__all__ = [
    "ago",
    "ahead",
    "clean",
    "hanging",
    "indented",
    "lasting",
    "minute",
    "moment",
    "names_or_none",
    "one_line",
    "time_of_day",
    "took",
    "when",
]

# A service's log may contain anything, and a terminal would execute its escape sequences.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-_])")


def clean(text: str) -> str:
    """Return untrusted text without escape sequences, control characters and signs that reverse its direction."""
    return visible(_ESCAPES.sub("", text.replace("\r\n", "\n")))


def when(at: datetime | None, now: datetime) -> str:
    """Return a time with its zone and its distance, such as `2026-11-23 01:46:30 UTC (3 min 5 s ago)`."""
    return f"{moment(at)} UTC ({ago(at, now)})" if at else "-"


def one_line(text: str, limit: int = 200) -> str:
    """Return untrusted text on one line, cut at `limit` characters."""
    line = " ".join(clean(text).split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def hanging(text: str, width: int, indent: int) -> str:
    """Wrap a line at `width` columns, later lines indented; never within a word, so that names stay whole."""
    return textwrap.fill(text, width, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False)


def indented(text: str, mark: str = "    | ") -> list[str]:
    """Return the lines of a log, each behind a mark."""
    return [f"{mark}{line}" for line in clean(text).strip("\n").split("\n")] if text.strip() else []


def names_or_none(names: Iterable[object]) -> str:
    """Join names with commas; "none" without names."""
    return ", ".join(map(str, names)) or "none"


def took(started: datetime, ended: datetime | None) -> str:
    """Return a duration in parentheses behind a space; "" while it is not over."""
    return f" ({lasting((ended - started).total_seconds())})" if ended else ""

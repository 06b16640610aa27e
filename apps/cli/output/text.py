"""How times, durations and other people's text read on an operator's screen; pure, and all times are UTC.

Used by every command that prints for people.
"""

import re
import textwrap

from lifecycle.domain.time_format import ago, ahead, lasting, minute, moment, time_of_day

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
]

# A service's log may hold anything; on a terminal, escape sequences would act.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-_])")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def clean(text: str) -> str:
    """Somebody else's text without what a terminal would act on."""
    return _CONTROLS.sub("", _ESCAPES.sub("", text.replace("\r\n", "\n")))


def one_line(text: str, limit: int = 200) -> str:
    """The same, on one line, cut at `limit` characters."""
    line = " ".join(clean(text).split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def hanging(text: str, width: int, indent: int) -> str:
    """The same line, wrapped at `width` columns behind an indent; never within a word, so that names stay whole."""
    return textwrap.fill(
        text, width, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False
    )


def indented(text: str, mark: str = "    | ") -> list[str]:
    """The lines of a log, each behind a mark."""
    return [f"{mark}{line}" for line in clean(text).strip("\n").split("\n")] if text.strip() else []


def names_or_none(names: "list[str] | tuple[str, ...]") -> str:
    """A list in a sentence."""
    return ", ".join(names) or "none"

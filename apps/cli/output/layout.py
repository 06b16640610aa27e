"""The layout of tables: which columns a width has room for, and where their cells wrap; never within a word.

Used by printer.py and live.py. A table that no terminal of this width can show becomes a list of its rows.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from apps.cli.output.text import clean

if TYPE_CHECKING:  # --help needs no domain
    from lifecycle.application.queries.state_words import Status

Cell: TypeAlias = "str | Status"
"""A cell of a table. Only a Status has a colour: a name may read like a state."""

_GAP = 2  # columns between two cells


def text_of(cell: Cell) -> str:
    """Return a cell on one line: a line feed in a report would draw a row of its own."""
    return clean(str(cell)).replace("\n", " ")


def fitting(columns: Sequence[str], rows: Sequence[Sequence[Cell]], drop: Sequence[str], width: int) -> list[int]:
    """Return the numbers of the columns that fit a width, without as many of `drop` as needed, in its order."""
    widths = _widths(columns, rows)
    shown = list(range(len(columns)))
    for name in drop:
        if _total([widths[i] for i in shown]) <= width:
            break
        shown.remove(columns.index(name))
    return shown


def _widths(columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> list[int]:
    return [max([len(name), *(len(text_of(row[i])) for row in rows)]) for i, name in enumerate(columns)]


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + _GAP * (len(widths) - 1)


def wrapped_widths(columns: Sequence[str], rows: Sequence[Sequence[Cell]], width: int) -> list[int]:
    """Return the widths at which cells wrap between words, those of the widest first; [] where a word is too long."""
    widths = _widths(columns, rows)
    longest = [
        max([len(name), *(len(word) for row in rows for word in text_of(row[i]).split())])
        for i, name in enumerate(columns)
    ]
    while (over := _total(widths) - width) > 0:
        wide = [i for i in range(len(widths)) if widths[i] > longest[i]]
        if not wide:
            return []
        i = max(wide, key=lambda each: widths[each])
        others = [widths[each] for each in wide if widths[each] < widths[i]]
        widths[i] = max(longest[i], widths[i] - over, min(max(others, default=0), widths[i] - 1))
    return widths


def aligned(columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> list[str]:
    """Return plain lines of aligned columns with two spaces between them and no trailing spaces."""
    every = [[name.upper() for name in columns], *[[text_of(cell) for cell in row] for row in rows]]
    widths = [max(len(row[i]) for row in every) for i in range(len(columns))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in every]


def rich_table(columns: Sequence[str], rows: Sequence[Sequence[Cell]], width: int) -> Any:
    """Return a table for a terminal of this width; where a word is too long for it, a list of the rows."""
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    widths = wrapped_widths(columns, rows, width)
    if not widths:
        return _as_list(columns, rows)
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
    for name, each in zip(columns, widths, strict=True):
        table.add_column(name.upper(), overflow="fold", width=each)
    for row in rows:
        table.add_row(*(Text(text_of(cell), style_of(cell)) for cell in row))
    return table


def _as_list(columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> Any:
    from rich.console import Group  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    lines: list[Any] = []
    for row in rows:
        for name, cell in zip(columns, row, strict=True):
            line = Text(f"{name}: ", "bold")
            line.append(text_of(cell), style_of(cell))
            lines.append(line)
        lines.append(Text())
    return Group(*lines[:-1])


# Colours by the values of queries.state_words.Tone.
STYLES = {"good": "green", "busy": "cyan", "warn": "yellow", "bad": "red", "idle": "dim"}


def style_of(cell: Cell) -> str:
    """Return the colour of a cell by its tone; plain text has none, and a hyphen is dim."""
    if isinstance(cell, str):
        return "dim" if cell == "-" else ""
    return STYLES[cell.tone]

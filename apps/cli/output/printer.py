"""The output of a command: facts as JSON for programs, or tables and lines for a person.

A command gives both. With --json `facts` and `event` print, without it everything else.
On a terminal tables are Rich's; elsewhere they are aligned columns of plain text.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any, TypeAlias

from apps.cli.output.text import clean, hanging

if TYPE_CHECKING:  # --help needs no domain
    from lifecycle.application.queries.state_words import Status

Cell: TypeAlias = "str | Status"
"""A cell of a table. Only a Status has a colour: a name may read like a state."""


class Printer:
    """A writer to standard output; `terminal` is detected unless a test sets it."""

    def __init__(self, *, as_json: bool = False, terminal: bool | None = None) -> None:
        self.as_json = as_json
        self.terminal = sys.stdout.isatty() if terminal is None else terminal
        self.target = ""
        self._console: Any = None

    @property
    def console(self) -> Any:
        """Return Rich's console, which is made on its first use."""
        if self._console is None:
            from rich.console import Console  # noqa: PLC0415 (plain output does not pay for it)

            self._console = Console(force_terminal=True, highlight=False, markup=False, emoji=False)
        return self._console

    def show_target(self, target: str) -> None:
        """Print the target, the first line of every output."""
        self.target = target
        self.line(f"target: {target}", "dim")

    def facts(self, facts: Mapping[str, Any]) -> None:
        """Print the whole answer for programs."""
        if self.as_json:
            about = {"target": self.target} if self.target else {}
            print(json.dumps({**about, **facts}, indent=2))

    def event(self, facts: Mapping[str, Any]) -> None:
        """Print one event of a live answer for programs."""
        if self.as_json:
            print(json.dumps(facts), flush=True)

    def line(self, text: str = "", style: str = "") -> None:
        """Print text without cutting or wrapping it, so that a command in it can be copied."""
        if self.as_json:
            return
        if not self.terminal:
            print(clean(text), flush=True)
            return
        from rich.text import Text  # noqa: PLC0415

        self.console.print(Text(clean(text), style), soft_wrap=True)

    def entry(self, text: str, indent: int) -> None:
        """Print a line of the audit log: wrapped at a terminal's width, and whole elsewhere, for searches."""
        self.line(hanging(text, self.console.width, indent) if self.terminal else text)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
        """Print rows under the names of their columns; prints nothing without rows."""
        if self.as_json or not rows:
            return
        if self.terminal:
            self.console.print(rich_table(columns, rows))
        else:
            for line in aligned(columns, rows):
                print(line, flush=True)

    def confirm(self, question: str) -> bool:
        """Ask the operator on standard error; without a terminal on standard input the answer is yes."""
        if sys.stdin is None or not sys.stdin.isatty():
            return True
        import typer  # noqa: PLC0415

        # Not by err=True, which leaves the question's last character on standard output.
        with redirect_stdout(sys.stderr):
            return bool(typer.confirm(clean(question)))


def aligned(columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> list[str]:
    """Return plain lines of aligned columns with two spaces between them and no trailing spaces."""
    every = [[name.upper() for name in columns], *[[_cell(cell) for cell in row] for row in rows]]
    widths = [max(len(row[i]) for row in every) for i in range(len(columns))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in every]


def _cell(cell: Cell) -> str:
    """Return a cell on one line: a line feed in a report would draw a row of its own."""
    return clean(str(cell)).replace("\n", " ")


def rich_table(columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> Any:
    """Return a table for a terminal, which folds long cells instead of cutting them."""
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in columns:
        table.add_column(name.upper(), overflow="fold")
    for row in rows:
        table.add_row(*(Text(_cell(cell), style_of(cell)) for cell in row))
    return table


# Colours by the values of queries.state_words.Tone.
STYLES = {"good": "green", "busy": "cyan", "warn": "yellow", "bad": "red", "idle": "dim"}


def style_of(cell: Cell) -> str:
    """Return the colour of a cell by its tone; plain text has none, and a hyphen is dim."""
    if isinstance(cell, str):
        return "dim" if cell == "-" else ""
    return STYLES[cell.tone]

"""The output of a command: facts as JSON for programs, or tables and lines for a person.

A command gives both. With --json `facts` and `event` print, without it everything else.
On a terminal tables are Rich's; elsewhere they are aligned columns of plain text.
"""

import json
import sys
import textwrap
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from typing import Any

from apps.cli.output.layout import Cell, aligned, fitting, rich_table, style_of, text_of
from apps.cli.output.text import clean, hanging


class Printer:
    """A writer to standard output; `terminal` is detected unless a test sets it.

    A `compact` one prints facts on one line, and wraps lines at a terminal's width, as a picture needs it.
    """

    def __init__(self, *, as_json: bool = False, terminal: bool | None = None, compact: bool = False) -> None:
        self.as_json = as_json
        self.compact = compact
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
            print(json.dumps({**about, **facts}, indent=None if self.compact else 2), flush=True)

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

        self.console.print(Text(clean(text), style), soft_wrap=not self.compact)

    def entry(self, text: str, indent: int) -> None:
        """Print a line of the audit log: wrapped at a terminal's width, and whole elsewhere, for searches."""
        self.line(hanging(text, self.console.width, indent) if self.terminal else text)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[Cell]], drop: Sequence[str] = ()) -> None:
        """Print rows under the names of their columns; prints nothing without rows.

        A terminal that is too narrow gets no columns of `drop`, the first of them first; anything else gets all.
        """
        if self.as_json or not rows:
            return
        if not self.terminal:
            for line in aligned(columns, rows):
                print(line, flush=True)
            return
        shown = fitting(columns, rows, drop, self.console.width)
        cells = [[row[i] for i in shown] for row in rows]
        self.console.print(rich_table([columns[i] for i in shown], cells, self.console.width))
        self._name_left_out(columns, shown)

    def _name_left_out(self, columns: Sequence[str], shown: Sequence[int]) -> None:
        if left := [name for i, name in enumerate(columns) if i not in shown]:
            self.line(f"(not shown at this width: {', '.join(left)})", "dim")

    def listing(
        self, columns: Sequence[str], rows: Sequence[Sequence[Cell]], notes: Sequence[str], drop: Sequence[str] = ()
    ) -> None:
        """Print rows as `table` does, each with an indented note under it, in the colour of its status."""
        if self.as_json or not rows:
            return
        width = self.console.width if self.terminal else sum(len(text_of(c)) for row in rows for c in row) + 1000
        shown = fitting(columns, rows, drop, width)
        names, cells = [columns[i] for i in shown], [[row[i] for i in shown] for row in rows]
        head, *lines = aligned(names, cells)
        self.line(head, "bold")
        for line, row, note in zip(lines, rows, notes, strict=True):
            tones = [style_of(cell) for cell in row if not isinstance(cell, str)]
            self.line(line, next(iter(tones), ""))
            self.line(textwrap.indent(hanging(note, width - 2, 2), "  ") if self.terminal else f"  {note}")
        self._name_left_out(columns, shown)

    def confirm(self, question: str) -> bool:
        """Ask the operator on standard error; without a terminal on standard input the answer is yes."""
        return not _has_keyboard() or self._ask(question)

    def confirm_end(self, question: str) -> bool:
        """Ask before something ends; without a terminal on standard input it is refused: raises Refused."""
        if _has_keyboard():
            return self._ask(question)
        from lifecycle.domain.errors import Refused  # noqa: PLC0415

        asked = f"nobody can answer {question!r}: standard input is no terminal; repeat the command with --yes"
        raise Refused("the command", [asked])

    def _ask(self, question: str) -> bool:
        import typer  # noqa: PLC0415

        # Not by err=True, which leaves the question's last character on standard output.
        with redirect_stdout(sys.stderr):
            return bool(typer.confirm(clean(question)))


def _has_keyboard() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()

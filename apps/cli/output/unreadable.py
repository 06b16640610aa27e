"""Rows for records that cannot be read: where each is, what was found, and the command that mends it."""

from collections.abc import Iterable

from apps.cli.output.printer import Printer
from apps.cli.output.text import one_line

_LONGEST = 2000


def show_unreadable(printer: Printer, rows: Iterable[str]) -> None:
    """Show one row for each record, however many views met it."""
    for row in dict.fromkeys(rows):
        printer.line(f"\n{one_line(row, _LONGEST)}", "bold red")

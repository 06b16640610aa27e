"""Reads that may do without records that cannot be read: those of the views, and of a few decisions.

Every other caller stops at the first such record, because gateways raise. A view shows a row for each instead.
"""

from collections.abc import Callable
from typing import TypeVar

from lifecycle.domain.errors import SomeUnreadable, UnreadableRecord

T = TypeVar("T")


def readable(read: Callable[[], T], otherwise: T) -> tuple[T, tuple[str, ...]]:
    """Return what can be read, and a sentence for each record that cannot; `otherwise` stands for a single one."""
    try:
        return read(), ()
    except SomeUnreadable as error:
        return error.readable, tuple(map(str, error.errors))
    except UnreadableRecord as error:
        return otherwise, (str(error),)


class Rows:
    """The rows "unreadable: …" of one view, collected by its reads."""

    def __init__(self) -> None:
        self._rows: list[str] = []

    def read(self, read: Callable[[], T], otherwise: T) -> T:
        """Return what can be read, and note the rest."""
        found, rows = readable(read, otherwise)
        self.add(rows)
        return found

    def add(self, rows: tuple[str, ...]) -> None:
        """Note rows that another read found; a record that is read twice has one row."""
        self._rows += [each for each in rows if each not in self._rows]

    def all(self) -> tuple[str, ...]:
        """Return the rows, in the order of their reads."""
        return tuple(self._rows)

"""Reads that may do without records that cannot be read: those of the views, and of a few decisions.

Every other caller stops at the first such record, because gateways raise. A view shows a row for each instead.
"""

from collections.abc import Callable, Iterable
from typing import TypeVar

from lifecycle.domain.errors import SomeUnreadable, UnreadableRecord

T = TypeVar("T")
U = TypeVar("U")


def readable(read: Callable[[], T], otherwise: U) -> tuple[T | U, tuple[UnreadableRecord, ...]]:
    """Return what can be read, and an error for each record that cannot; `otherwise` stands for a single one."""
    try:
        return read(), ()
    except SomeUnreadable as error:
        return error.readable, error.errors
    except UnreadableRecord as error:
        return otherwise, (error,)


class Rows:
    """The rows "unreadable: …" of one view, collected by its reads."""

    def __init__(self) -> None:
        self._rows: list[str] = []

    def read(self, read: Callable[[], T], otherwise: U) -> T | U:
        """Return what can be read, and note the rest."""
        found, errors = readable(read, otherwise)
        self.add(map(str, errors))
        return found

    def add(self, rows: Iterable[str]) -> None:
        """Note rows that another read found; a record that is read twice has one row."""
        self._rows += [each for each in rows if each not in self._rows]

    def all(self) -> tuple[str, ...]:
        """Return the rows, in the order of their reads."""
        return tuple(self._rows)

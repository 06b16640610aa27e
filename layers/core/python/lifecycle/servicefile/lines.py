"""The line of each key in a TOML text, which tomllib does not report.

Called by reading; problems names the line of an invalid value. The text must be valid TOML.
"""

import re
import tomllib
from bisect import bisect_right
from collections import Counter
from typing import TypeAlias

Place: TypeAlias = tuple[str | int, ...]

# The format is at most three tables deep, or two and a list. A text of 64 KiB may nest so deep that storing every
# place would exhaust the memory.
MAXIMUM_DEPTH = 4

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*+")
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}(?!")|\'\'\'.*?\'{3,5}(?!\')|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'', re.DOTALL
)
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR = re.compile(r"[^,\]}\n#]*")


def locate(text: str) -> dict[Place, int]:
    """Return the line, from 1, that first names each table, key and list item, to a depth of MAXIMUM_DEPTH."""
    scanner = _Scanner(text)
    scanner.document()
    return scanner.lines


def line_of(lines: dict[Place, int], place: Place) -> int:
    """Return the line of a place or of its nearest enclosing table; 1 when there is none."""
    while place and place not in lines:
        place = place[:-1]
    return lines.get(place, 1)


class _Scanner:
    def __init__(self, text: str) -> None:
        self.lines: dict[Place, int] = {}
        self._text = text
        self._at = 0
        self._ends = [match.start() for match in re.finditer("\n", text)]
        self._arrays: Counter[Place] = Counter()

    def document(self) -> None:
        table: Place = ()
        while self._peek():
            start = self._at
            if self._take("[["):
                table = self._array_of_tables(start)
            elif self._take("["):
                table = self._indexed(self._key())
                self._record(table, start)
                self._take("]")
            else:
                self._assignment(table)
            if self._at == start:
                return

    def _array_of_tables(self, start: int) -> Place:
        name = self._indexed(self._key(), last=False)
        self._take("]]")
        table = (*name, self._arrays[name])
        self._arrays[name] += 1
        self._record(table, start)
        return table

    def _indexed(self, key: Place, *, last: bool = True) -> Place:
        """Return the key with the newest index after each part that is an array of tables."""
        place: Place = ()
        for number, part in enumerate(key[: MAXIMUM_DEPTH + 1], start=1):
            place = (*place, part)
            if place in self._arrays and (last or number < len(key)):
                place = (*place, self._arrays[place] - 1)
        return place

    def _assignment(self, table: Place) -> None:
        self._peek()
        start = self._at
        place = (*table, *self._key())
        self._record(place, start)
        self._take("=")
        self._value(place)

    def _value(self, place: Place) -> None:
        self._peek()
        if self._take("["):
            self._items(place)
        elif self._take("{"):
            self._inline_table(place)
        elif match := _STRING.match(self._text, self._at) or _SCALAR.match(self._text, self._at):
            self._at = match.end()

    def _inline_table(self, place: Place) -> None:
        last = -1
        while self._peek() not in ("", "}") and self._at > last:
            last = self._at
            self._assignment(place)
            self._take(",")
        self._take("}")

    def _items(self, place: Place) -> None:
        index, last = 0, -1
        while self._peek() not in ("", "]") and self._at > last:
            last = self._at
            self._record((*place, index), self._at)
            self._value((*place, index))
            self._take(",")
            index += 1
        self._take("]")

    def _key(self) -> Place:
        parts: list[str] = []
        while True:
            self._peek()
            if match := _BARE_KEY.match(self._text, self._at):
                parts.append(match.group())
            elif match := _STRING.match(self._text, self._at):
                parts.append(tomllib.loads(f"key = {match.group()}")["key"])
            else:
                return tuple(parts)
            self._at = match.end()
            if not self._take("."):
                return tuple(parts)

    def _record(self, place: Place, at: int) -> None:
        for depth in range(1, min(len(place), MAXIMUM_DEPTH) + 1):
            self.lines.setdefault(place[:depth], bisect_right(self._ends, at - 1) + 1)

    def _peek(self) -> str:
        """Skip blanks and comments; return the next character, empty at the end."""
        if match := _BLANK.match(self._text, self._at):
            self._at = match.end()
        return self._text[self._at : self._at + 1]

    def _take(self, token: str) -> bool:
        self._peek()
        found = self._text.startswith(token, self._at)
        self._at += len(token) if found else 0
        return found

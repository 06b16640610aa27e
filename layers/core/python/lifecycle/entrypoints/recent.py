"""A value that a process keeps for a while, such as a secret that may be rotated meanwhile."""

import time
from collections.abc import Callable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Recent(Generic[Value]):
    """A value that is read again once it is older than `seconds`; an old one is never returned if that fails."""

    def __init__(
        self, read: Callable[[], Value], seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._read, self._seconds, self._clock = read, seconds, clock
        self._known: tuple[float, Value] | None = None

    def value(self) -> Value:
        """Return the value, read at most `seconds` ago."""
        now = self._clock()
        if self._known is None or now - self._known[0] > self._seconds:
            self._known = (now, self._read())
        return self._known[1]

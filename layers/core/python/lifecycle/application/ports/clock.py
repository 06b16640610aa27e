"""The port to time."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Time, which tests control. `now` is in UTC."""

    def now(self) -> datetime: ...

    def sleep(self, seconds: float) -> None:
        """Wait for so many seconds; returns at once if they are not more than 0."""

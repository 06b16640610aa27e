"""The port to time."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Time, so that tests own it. `now` is in UTC."""

    def now(self) -> datetime: ...
    def sleep(self, seconds: float) -> None: ...

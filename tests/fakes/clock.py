"""A clock that moves only when `sleep` is called."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class ManualClock:
    """`ticks` are called after each sleep, so that a test's hosts and targets change while a stage waits."""

    def __init__(self, start: datetime = datetime(2026, 11, 23, 12, tzinfo=UTC)) -> None:
        self._now = start
        self.ticks: list[Callable[[], None]] = []

    def now(self) -> datetime:
        return self._now

    def sleep(self, seconds: float) -> None:
        self._now += timedelta(seconds=max(0.0, seconds))
        for tick in self.ticks:
            tick()

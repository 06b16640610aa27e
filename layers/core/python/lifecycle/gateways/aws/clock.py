"""The system's clock."""

import time
from datetime import UTC, datetime


class SystemClock:
    """The time in UTC, and a sleep that blocks."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        time.sleep(max(0.0, seconds))

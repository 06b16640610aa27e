"""The machine's clock."""

import time
from datetime import UTC, datetime


class SystemClock:
    """Now in UTC, and real sleep."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

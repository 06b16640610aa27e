"""Notices in memory."""

from collections.abc import Sequence

from lifecycle.domain.errors import StoreRefused
from lifecycle.domain.monitoring.notifications import Notification


class MemoryNotifications:
    """`sent` are all of them, in order; the next `failures` calls fail."""

    def __init__(self) -> None:
        self.sent: list[Notification] = []
        self.failures = 0

    def send(self, notifications: Sequence[Notification]) -> None:
        if self.failures:
            self.failures -= 1
            raise StoreRefused("expected EventBridge to answer, found that it did not")
        self.sent += notifications

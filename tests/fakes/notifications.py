"""Notifications in memory."""

from collections.abc import Sequence

from lifecycle.domain.errors import StoreRefused
from lifecycle.domain.monitoring.notifications import Notification


class MemoryNotifications:
    """`sent` has all notifications in order. The next `failures` calls raise."""

    def __init__(self) -> None:
        self.sent: list[Notification] = []
        self.failures = 0

    def send(self, notifications: Sequence[Notification]) -> None:
        if self.failures:
            self.failures -= 1
            raise StoreRefused("EventBridge did not answer")
        self.sent += notifications

"""The port that sends notifications."""

from collections.abc import Sequence
from typing import Protocol

from lifecycle.domain.monitoring.notifications import Notification


class Notifications(Protocol):
    """Notifications to people and programs outside: each is sent at least once, and identified by its id."""

    def send(self, notifications: Sequence[Notification]) -> None:
        """Send notifications; raises if any of them was not accepted: then all of them may be sent again."""

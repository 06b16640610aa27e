"""The port that sends notifications."""

from collections.abc import Sequence
from typing import Protocol

from lifecycle.domain.monitoring.notifications import Notification


class Notifications(Protocol):
    """Where people and programs outside hear of what happens; at least once each, told apart by its id."""

    def send(self, notifications: Sequence[Notification]) -> None:
        """Raises when any of them was not taken; all of them may be told again then."""
        ...

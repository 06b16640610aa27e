"""The port that sends notifications."""

from collections.abc import Sequence
from typing import Protocol

from lifecycle.domain.monitoring.notifications import Notice


class Notices(Protocol):
    """Where people and programs outside hear of what happens; at least once each, told apart by its id."""

    def tell(self, notices: Sequence[Notice]) -> None:
        """Raises when any of them was not taken; all of them may be told again then."""
        ...

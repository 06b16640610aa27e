"""What notices and watching need of the world beside ports.py: who is told, and the cluster's alarms."""

from collections.abc import Sequence
from typing import Protocol

from lifecycle.domain.monitoring.alarms import Alarm
from lifecycle.domain.monitoring.notifications import Notice


class Notices(Protocol):
    """Where people and programs outside hear of what happens; at least once each, told apart by its id."""

    def tell(self, notices: Sequence[Notice]) -> None:
        """Raises when any of them was not taken; all of them may be told again then."""
        ...


class Alarms(Protocol):
    """The alarms of the clusters, as they stand now; those of somebody else are left out."""

    def named(self, names: Sequence[str]) -> Sequence[Alarm]: ...
    def ringing(self) -> Sequence[Alarm]: ...

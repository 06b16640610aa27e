"""The port to the alarms of clusters."""

from collections.abc import Sequence
from typing import Protocol

from lifecycle.domain.monitoring.alarms import Alarm


class Alarms(Protocol):
    """The alarms of the clusters, as they stand now; those of somebody else are left out."""

    def named(self, names: Sequence[str]) -> Sequence[Alarm]: ...
    def ringing(self) -> Sequence[Alarm]: ...

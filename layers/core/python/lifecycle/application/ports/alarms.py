"""The port to the alarms of clusters, used by monitoring/watch_alarms.py."""

from collections.abc import Sequence
from typing import Protocol

from lifecycle.domain.monitoring.alarms import Alarm


class Alarms(Protocol):
    """The clusters' alarms in their present state, without alarms that are not Lifecycle's."""

    def named(self, names: Sequence[str]) -> Sequence[Alarm]: ...
    def ringing(self) -> Sequence[Alarm]: ...

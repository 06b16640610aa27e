"""The port to the audit log."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.monitoring.audit import TrailEntry


class Trail(Protocol):
    """The append-only audit trail."""

    def append(self, entry: TrailEntry) -> None: ...

    def read(
        self, cluster: Cluster, after: datetime | None = None, limit: int = 1000
    ) -> Sequence[TrailEntry]:
        """The newest `limit` entries at or after `after`, oldest first."""
        ...

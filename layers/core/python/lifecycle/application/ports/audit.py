"""The port to the audit log."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.monitoring.audit import AuditEntry


class AuditLog(Protocol):
    """The audit log: it can only be appended to."""

    def append(self, entry: AuditEntry) -> None: ...

    def read(self, cluster: Cluster, after: datetime | None = None, limit: int = 1000) -> Sequence[AuditEntry]:
        """Return the newest `limit` entries at or after `after`, oldest first."""

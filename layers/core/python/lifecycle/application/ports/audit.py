"""The port to the audit log."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.monitoring.audit import AuditEntry, AuditKind


class AuditLog(Protocol):
    """The audit log: it can only be appended to."""

    def append(self, entry: AuditEntry) -> None: ...

    def read(
        self,
        cluster: Cluster,
        after: datetime | None = None,
        limit: int = 1000,
        kinds: Collection[AuditKind] = (),
    ) -> Sequence[AuditEntry]:
        """Return the newest `limit` entries at or after `after`, oldest first.

        With `kinds`, only entries of these count, however many others are newer; StoreRefused for ACTION.
        """

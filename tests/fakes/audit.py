"""The audit log in memory."""

from collections.abc import Collection, Sequence
from datetime import datetime

from lifecycle.domain.errors import StoreRefused
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.monitoring.audit import AuditEntry, AuditKind


class MemoryAuditLog:
    """An append-only list of entries."""

    def __init__(self) -> None:
        self.entries: list[AuditEntry] = []
        self._known: set[AuditEntry] = set()

    def append(self, entry: AuditEntry) -> None:
        if entry not in self._known:
            self._known.add(entry)
            self.entries.append(entry)

    def read(
        self,
        cluster: Cluster,
        after: datetime | None = None,
        limit: int = 1000,
        kinds: Collection[AuditKind] = (),
    ) -> Sequence[AuditEntry]:
        if limit < 1:
            raise StoreRefused(f"expected a limit of at least 1, found {limit}")
        if AuditKind.ACTION in kinds:
            raise StoreRefused("expected kinds of findings, found ACTION")
        wanted = [e for e in self.entries if e.cluster == str(cluster) and (not kinds or e.kind in kinds)]
        of_cluster = sorted(wanted, key=lambda e: e.at)
        return [entry for entry in of_cluster[-limit:] if after is None or entry.at >= after]

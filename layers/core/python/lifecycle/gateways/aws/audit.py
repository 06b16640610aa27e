"""The audit log in the ledger: append-only, a partition a cluster, ordered by time."""

from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256

from lifecycle.domain.errors import StoreRefused
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.monitoring.audit import AuditEntry
from lifecycle.gateways.aws.errors import translated
from lifecycle.gateways.aws.table import Table, item, split, trail_key, whole
from lifecycle.gateways.serialization import to_json


@translated
class DynamoAuditLog:
    """Entries are never replaced: an entry's key holds its time and a digest of its content."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def append(self, entry: AuditEntry) -> None:
        stamp = entry.at.astimezone(UTC).isoformat(timespec="microseconds")
        sk = f"{stamp}#{sha256(to_json(entry).encode()).hexdigest()[:8]}"
        # The stream's filter reads `kind` beside the record; it cannot read the record itself.
        line = item(trail_key(Cluster.parse(entry.cluster)), sk, entry, kind=entry.kind)
        _ = self._table.put(line, "attribute_not_exists(pk)")  # a repeat: the same entry is stored already

    def read(self, cluster: Cluster, after: datetime | None = None, limit: int = 1000) -> Sequence[AuditEntry]:
        if limit < 1:
            raise StoreRefused(f"expected a limit of at least 1, found {limit}")
        found = self._table.query(trail_key(cluster), newest_first=True, limit=limit)
        read, errors = split(AuditEntry, reversed(found))
        return whole([entry for entry in read if after is None or entry.at >= after], errors)

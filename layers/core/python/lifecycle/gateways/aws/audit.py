"""The audit log in the ledger: append-only, a partition a cluster, ordered by time."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from hashlib import sha256

from lifecycle.domain.errors import StoreRefused
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.monitoring.audit import AuditEntry, AuditKind
from lifecycle.gateways.aws.errors import translated
from lifecycle.gateways.aws.table import Table, findings_key, item, split, trail_key, whole
from lifecycle.gateways.serialization import to_json


@translated
class DynamoAuditLog:
    """Entries are never replaced: an entry's key holds its time and a digest of its content.

    Findings stand a second time in a partition of their own, by kind, so that many actions do not hide one.
    """

    def __init__(self, table: Table) -> None:
        self._table = table

    def append(self, entry: AuditEntry) -> None:
        cluster = Cluster.parse(entry.cluster)
        stamp = entry.at.astimezone(UTC).isoformat(timespec="microseconds")
        sk = f"{stamp}#{sha256(to_json(entry).encode()).hexdigest()[:8]}"
        # The stream's filter reads `kind` beside the record; it cannot read the record itself.
        lines = [item(trail_key(cluster), sk, entry, kind=entry.kind)]
        if entry.kind is not AuditKind.ACTION:
            lines.append(item(findings_key(cluster), f"FINDING#{entry.kind}#{sk}", entry))
        for line in lines:
            _ = self._table.put(line, "attribute_not_exists(pk)")  # a repeat: the same entry is stored already

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
        pk, prefixes = (
            (findings_key(cluster), [f"FINDING#{each}#" for each in kinds]) if kinds else (trail_key(cluster), [""])
        )
        found = [
            each for prefix in prefixes for each in self._table.query(pk, prefix, newest_first=True, limit=limit)
        ]
        read, errors = split(AuditEntry, found)
        newest = sorted(read, key=lambda entry: entry.at)[-limit:]
        return whole([entry for entry in newest if after is None or entry.at >= after], errors)

"""Freezes in the ledger: one item per scope."""

from collections.abc import Sequence
from datetime import UTC, datetime

from lifecycle.domain.rollout.freezes import Freeze, UnreadableFreeze
from lifecycle.gateways.aws.errors import translated
from lifecycle.gateways.aws.table import Table, freezes_key, item, record_or


@translated
class DynamoFreezes:
    """All freezes are in one partition, because every plan reads all of them."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def all(self) -> Sequence[Freeze]:
        return [record_or(Freeze, each, _unreadable) for each in self._table.query(freezes_key())]

    def put(self, freeze: Freeze) -> None:
        self._table.put(item(freezes_key(), freeze.scope, freeze))

    def lift(self, freeze: Freeze) -> bool:
        found = self._table.get(freezes_key(), freeze.scope)
        if found is None:
            return True
        if record_or(Freeze, found, _unreadable) != freeze:
            return False
        if "body" not in found:
            return self._table.delete(freezes_key(), freeze.scope)
        if self._table.delete(freezes_key(), freeze.scope, "body = :body", body=found["body"]):
            return True
        return self.lift(freeze)


def _unreadable(scope: str, why: str) -> Freeze:
    return UnreadableFreeze(scope, "unknown", why, datetime.fromtimestamp(0, UTC))

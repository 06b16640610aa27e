"""Freezes in the ledger: one item per scope."""

from collections.abc import Sequence

from lifecycle.domain.rollout.freezes import Freeze
from lifecycle.gateways.aws.errors import translated
from lifecycle.gateways.aws.table import Table, freezes_key, item, record


@translated
class DynamoFreezes:
    """All freezes are in one partition, because every plan reads all of them."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def all(self) -> Sequence[Freeze]:
        return self._table.records(Freeze, freezes_key())

    def put(self, freeze: Freeze) -> None:
        self._table.put(item(freezes_key(), freeze.scope, freeze))

    def lift(self, freeze: Freeze) -> bool:
        found = self._table.get(freezes_key(), freeze.scope)
        if found is None:
            return True
        if record(Freeze, found) != freeze:
            return False
        if self._table.delete(freezes_key(), freeze.scope, "body = :body", body=found["body"]):
            return True
        return self.lift(freeze)

"""Freezes in the ledger: one item per scope."""

from collections.abc import Sequence

from lifecycle.domain.rollout.freezes import Freeze
from lifecycle.gateways.aws.errors import translated
from lifecycle.gateways.aws.table import Table, freezes_key, item


@translated
class DynamoFreezes:
    """All freezes are in one partition, because every plan reads all of them."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def all(self) -> Sequence[Freeze]:
        return self._table.records(Freeze, freezes_key())

    def put(self, freeze: Freeze) -> None:
        self._table.put(item(freezes_key(), freeze.scope, freeze))

    def lift(self, scope: str) -> None:
        self._table.delete(freezes_key(), scope)

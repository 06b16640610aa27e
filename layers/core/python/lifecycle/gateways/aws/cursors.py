"""The cursor of convergence in the ledger: one item."""

from lifecycle.domain.convergence.full_pass import Cursor
from lifecycle.gateways.aws.errors import translated
from lifecycle.gateways.aws.table import Table, cursor_key, item, record

_SORT_KEY = "PASS"


@translated
class DynamoCursors:
    """Implements the port Cursors. Only convergence writes it, and two passes at once do no harm."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def get(self) -> Cursor | None:
        found = self._table.get(cursor_key(), _SORT_KEY)
        return record(Cursor, found) if found else None

    def put(self, cursor: Cursor) -> None:
        self._table.put(item(cursor_key(), _SORT_KEY, cursor))

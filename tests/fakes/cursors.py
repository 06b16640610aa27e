"""The cursor of convergence in memory."""

from lifecycle.domain.convergence.full_pass import Cursor


class MemoryCursors:
    """At most one cursor; `written` are all that there ever were."""

    def __init__(self) -> None:
        self.written: list[Cursor] = []

    def get(self) -> Cursor | None:
        return self.written[-1] if self.written else None

    def put(self, cursor: Cursor) -> None:
        self.written.append(cursor)

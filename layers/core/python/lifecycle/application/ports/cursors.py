"""The port to the cursor of convergence."""

from typing import Protocol

from lifecycle.domain.convergence.full_pass import Cursor


class Cursors(Protocol):
    """The cursor of the last pass over every cluster."""

    def get(self) -> Cursor | None:
        """Return the newest cursor; None before the first pass."""

    def put(self, cursor: Cursor) -> None: ...

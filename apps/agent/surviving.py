"""The last resort: an agent goes on after an error that nobody foresaw, as one of files that its service wrote.

Used by agent.py, which knows the errors of the ledger, the stores and the disk itself.
"""

import contextlib
import logging
from collections.abc import Callable, Iterator

logger = logging.getLogger(__name__)


class Survival:
    """Makes a block go on after any error. `failed` gets the reason for people, and ends a turn that met it."""

    def __init__(self, failed: Callable[[str], None]) -> None:
        self._failed = failed
        self._last = ""

    @contextlib.contextmanager
    def surviving(self) -> Iterator[None]:
        """Run a block; log its error, and report it. The same one again is not logged with its traceback."""
        try:
            yield
        except Exception as error:
            if (shown := repr(error)) != self._last:
                logger.exception("the agent goes on after an error that it does not know")
            self._last = shown
            self._report(error)

    def _report(self, error: Exception) -> None:
        try:
            self._failed(f"the agent failed: {type(error).__name__}: {error}")
        except Exception:
            logger.exception("the failure of the turn is not recorded yet")

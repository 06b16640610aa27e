"""boto3 clients that are made on first use; entrypoints/bootstrap.py and the CLI pass them to the gateways.

This module imports no boto3: a phase or a command that calls no AWS does not pay for the import.
"""

from collections.abc import Callable
from threading import Lock
from typing import Any

_MAKING = Lock()


class LazyClient:
    """A client that `make(name)` returns on first use: making one costs tens of milliseconds."""

    def __init__(self, make: Callable[[str], Any], name: str) -> None:
        self._make = make
        self._name = name
        self._client: Any = None

    def __getattr__(self, attribute: str) -> Any:
        if self._client is None:
            with _MAKING:  # threads may share a client, and boto3 makes one at a time
                self._client = self._client or self._make(self._name)
        return getattr(self._client, attribute)

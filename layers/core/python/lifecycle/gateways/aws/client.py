"""boto3 clients that are made on first use; entrypoints/bootstrap.py and the CLI pass them to the gateways.

This module imports no boto3 before it is needed: a phase or a command that calls no AWS does not pay for the import.
"""

from collections.abc import Callable
from threading import Lock
from typing import Any

from lifecycle.names import USER_AGENT

_MAKING = Lock()


# Seconds until S3 has stored a large artifact and answers.
S3_READ_TIMEOUT = 60


def client_config(**settings: Any) -> Any:
    """Return botocore's configuration of every client, changed by `settings`.

    A call that is throttled, or gets a 5xx or no answer, is repeated five times. botocore itself would wait a minute
    for each answer. A function would be killed before the first repeat.
    """
    from botocore.config import Config  # noqa: PLC0415 (see the module's docstring)

    usual = {
        "retries": {"mode": "standard", "total_max_attempts": 6},
        "connect_timeout": 3,
        "read_timeout": 10,
        "user_agent": USER_AGENT,
    }
    return Config(**{**usual, **settings})


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

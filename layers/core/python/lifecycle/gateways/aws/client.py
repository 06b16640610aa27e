"""boto3 clients that are made on first use; entrypoints/bootstrap.py and the CLI pass them to the gateways.

This module imports no boto3 before it is needed: a phase or a command that calls no AWS does not pay for the import.
"""

import os
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


def laptop_session(*credentials: str, region: str | None = None) -> Any:
    """Return a boto3 session for the emulator on this machine, which no setting of the person's AWS reaches.

    A profile, a configuration file, FIPS endpoints or a retry mode of AWS's would fail its calls or change them.
    """
    import boto3  # noqa: PLC0415 (see the module's docstring)
    from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES, ConstantProvider  # noqa: PLC0415
    from botocore.session import Session  # noqa: PLC0415

    from lifecycle.ambient import close_to_tls_logs  # noqa: PLC0415 (no function on AWS needs it)

    # Each is a key of the configuration file, a variable, a default and a conversion.
    known = BOTOCORE_DEFAUT_SESSION_VARIABLES.items()
    without: dict[str, Any] = {name: (None, None, default, convert) for name, (_, _, default, convert) in known}
    for file in ("config_file", "credentials_file"):
        without[file] = (None, None, os.devnull, None)
    # The laptop's own processes have a short copy of AWS's data (apps/local/aws/emulator.py).
    without["data_path"] = (None, "AWS_DATA_PATH", None, None)
    session = Session(session_vars=without)
    # S3 has variables of its own, which are not among those.
    session.get_component("config_store").set_config_provider("s3", ConstantProvider(value={}))
    close_to_tls_logs(os.environ)
    return boto3.Session(*credentials, region_name=region, botocore_session=session)


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

"""boto3 clients of the embedded AWS, made on first use.

boto3 is imported on first use too, because that takes as long as a Git push: what calls no AWS starts sooner.
"""

import threading
from collections.abc import Mapping
from typing import Any

from apps.local.paths import REGION
from apps.local.ports import LOOPBACK, Ports

ROOT_KEY = "test"
ROOT = {"AccessKeyId": ROOT_KEY, "SecretAccessKey": ROOT_KEY}


class Clients:
    """Clients of the endpoint at `url`, as the account's root unless credentials of AssumeRole are given.

    `settings` are botocore's, such as `read_timeout`. Threads may share one of these, and the clients that it makes.
    """

    def __init__(
        self,
        url: str,
        credentials: Mapping[str, str] | None = None,
        region: str = REGION,
        **settings: Any,
    ) -> None:
        self.url, self.region = url, region
        self._credentials = credentials or ROOT
        self._settings = settings
        self._session: Any = None
        self._clients: dict[str, Any] = {}
        # A boto3 session makes one client at a time.
        self._making = threading.Lock()

    def client(self, service: str) -> Any:
        """Return the client of a service, such as `ssm`."""
        with self._making:
            if service not in self._clients:
                self._clients[service] = self._make(service)
            return self._clients[service]

    def _make(self, service: str) -> Any:
        import boto3  # noqa: PLC0415 (see the module's docstring)
        from botocore.config import Config  # noqa: PLC0415

        self._session = self._session or boto3.Session(
            aws_access_key_id=self._credentials["AccessKeyId"],
            aws_secret_access_key=self._credentials["SecretAccessKey"],
            aws_session_token=self._credentials.get("SessionToken"),
            region_name=self.region,
        )
        usual = {"s3": {"addressing_style": "path"}, "proxies": {}, "max_pool_connections": 16}
        return self._session.client(
            service, endpoint_url=self.url, config=Config(**{**usual, **self._settings})
        )


class Aws(Clients):
    """Clients of one environment's emulator."""

    def __init__(self, ports: Ports, credentials: Mapping[str, str] | None = None) -> None:
        url = f"http://{LOOPBACK}:{ports.emulator}"
        super().__init__(url, credentials, retries={"total_max_attempts": 2})

"""boto3 clients of the embedded AWS, made on first use.

boto3 is imported on first use too, because that takes as long as a Git push: what calls no AWS starts sooner.
"""

import threading
from collections.abc import Mapping
from functools import cache
from typing import Any

from apps.local.aws import root_key
from apps.local.paths import REGION
from apps.local.ports import LOOPBACK, Ports
from lifecycle.gateways.aws.client import laptop_session

# The session makes one client at a time. All share it, because each session loads AWS's service models again.
_making = threading.Lock()


class Clients:
    """Clients of the endpoint at `url`, with a root key (root_key.py) or with the credentials of AssumeRole.

    `settings` are botocore's, such as `read_timeout`. Threads may share one of these, and the clients that it makes.
    """

    def __init__(self, url: str, credentials: Mapping[str, str], region: str = REGION, **settings: Any) -> None:
        self._url, self._region = url, region
        self.credentials = credentials
        usual = {"s3": {"addressing_style": "path"}, "proxies": {}, "max_pool_connections": 16}
        self._settings = {**usual, **settings}
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        """Return the client of a service, such as `ssm`."""
        with _making:
            if service not in self._clients:
                self._clients[service] = self._make(service)
            return self._clients[service]

    def _make(self, service: str) -> Any:
        from botocore.config import Config  # noqa: PLC0415 (see the module's docstring)

        return _session().client(
            service,
            endpoint_url=self._url,
            region_name=self._region,
            aws_access_key_id=self.credentials["AccessKeyId"],
            aws_secret_access_key=self.credentials["SecretAccessKey"],
            aws_session_token=self.credentials.get("SessionToken"),
            config=Config(**self._settings),
        )


class Aws(Clients):
    """Clients of one environment's emulator."""

    def __init__(self, ports: Ports, credentials: Mapping[str, str]) -> None:
        self._ports = ports
        url = f"http://{LOOPBACK}:{ports.emulator}"
        super().__init__(url, credentials, retries={"total_max_attempts": 2})

    @classmethod
    def of(cls, environment: Mapping[str, Any]) -> "Aws":
        """Return the clients of the account's root, from the content of environment.json."""
        return cls(Ports(**environment["ports"]), root_key.recorded(environment))

    def balancer(self) -> Any:
        """Return a client of the load balancer's endpoint."""
        return Clients(f"http://{LOOPBACK}:{self._ports.balancer}", self.credentials).client("elbv2")


@cache
def _session() -> Any:
    return laptop_session()

"""Refuses every request to the console that does not come from its own page on this machine.

A page of another site can make a browser send requests here. It may use a host name of its own that resolves to
127.0.0.1, so the Host is checked. It may send from its own origin, so Origin, Sec-Fetch-Site and a token are checked.
It cannot read the token. Another user of the machine could read it, so server.py refuses other users' connections.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from apps.local.http_server import Refused

TOKEN_HEADER = "x-lifecycle-token"  # noqa: S105 - the header's name  # nosec B105
_SHOWN = 80


@dataclass(frozen=True, slots=True)
class Guard:
    """The checks for the console on `port`; each start makes a new `token` and gives it to the page alone."""

    port: int
    token: str

    @property
    def hosts(self) -> tuple[str, str]:
        return f"127.0.0.1:{self.port}", f"localhost:{self.port}"

    def check(self, method: str, headers: Mapping[str, str]) -> None:
        """Raise Refused for a request that does not come from the page; header names are in lower case."""
        if problem := self._problem(method, headers):
            raise Refused(403, problem)

    def _problem(self, method: str, headers: Mapping[str, str]) -> str | None:
        host = headers.get("host", "")
        if host not in self.hosts:
            return _expected("the Host", " or ".join(self.hosts), host)
        if method != "POST":
            return None
        origin = headers.get("origin", "")
        if origin not in [f"http://{each}" for each in self.hosts]:
            return _expected("the Origin", f"http://{host}", origin)
        if (site := headers.get("sec-fetch-site", "same-origin")) != "same-origin":
            return _expected("Sec-Fetch-Site", "same-origin", site)
        if not hmac.compare_digest(headers.get(TOKEN_HEADER, "").encode(), self.token.encode()):
            return "the console was restarted after this page was loaded; reload it"
        return None


def _expected(what: str, expected: str, found: str) -> str:
    return f"expected {what} to be {expected}, found {found[:_SHOWN] or 'none'}; nothing was done"

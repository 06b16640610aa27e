"""Calls of Function URLs without a signature: each goes to its function, and never to the emulator's other services.

Used by the gate (gate.py). The emulator takes a host name that no Function URL has for a request to AWS itself, and a
request without a key for the root's. So these calls do not pass its routing.
"""

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

PATH = "/"
_HOST = re.compile(r"([a-z0-9-]+)\.lambda-url\.[a-z0-9-]+\.on\.aws")

Query: TypeAlias = Mapping[str, list[str]]
Answer: TypeAlias = tuple[int, Mapping[str, Any], bytes]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FunctionUrl:
    """An existing Function URL; `is_open` is True if it has the authentication type NONE."""

    identifier: str
    resolved: Any  # as the emulator resolves it, with the function's account, region, name and qualifier
    is_open: bool


class FunctionUrls:
    """The Function URLs of the emulator, whose module is `services.lambda_svc`."""

    def __init__(self, functions: Any) -> None:
        self._functions = functions

    def find(self, host: str) -> FunctionUrl | None:
        """Return the Function URL with this host name; None if there is none."""
        if not (found := _HOST.fullmatch(host)):
            return None
        resolved = self._functions.resolve_function_url(found[1])
        if resolved is None or resolved[-1].get("FunctionUrl") != f"https://{host}/":
            return None
        return FunctionUrl(found[1], resolved, resolved[-1].get("AuthType") == "NONE")

    async def invoke(
        self, url: FunctionUrl, method: str, headers: Mapping[str, str], query: Query, body: bytes
    ) -> Answer:
        """Invoke the function with the request as its event."""
        try:
            status, found, content = await self._functions.handle_function_url_request(
                url.identifier, method, PATH, dict(headers), body, dict(query), resolved=url.resolved
            )
        except Exception:
            log.exception("the call of %s failed", url.identifier)
            return (
                500,
                {"content-type": "application/json"},
                json.dumps({"message": "Internal Server Error"}).encode(),
            )
        return status, found, content if isinstance(content, bytes) else str(content).encode()

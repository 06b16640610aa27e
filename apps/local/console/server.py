"""The console's HTTP: the page's files by GET, its calls by POST."""

import json
import logging
import os
import secrets
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from apps.local.console.api import Calls
from apps.local.console.guard import Guard
from apps.local.console.peers import problem
from apps.local.console.static_files import files
from apps.local.http_server import Handler, LoopbackServer, Refused, Request, Response
from apps.local.socket_owners import read_table
from lifecycle.domain.errors import InvalidJson, LifecycleError
from lifecycle.domain.foreign_json import parse_object
from lifecycle.domain.visible_text import visible

LARGEST_BODY = 262_144
# Inline styles are allowed: widgets bring some. Scripts are the page's own files only; other hosts get no request.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = (
    ("Content-Security-Policy", POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cache-Control", "no-store"),
)
_CALLS = "/api/"

log = logging.getLogger(__name__)


class _Handler(Handler):
    timeout = 60
    largest_body = LARGEST_BODY
    server: "ConsoleServer"

    def check(self, request: Request) -> None:
        if foreign := self.server.foreign(self.client_address):
            raise Refused(403, foreign)
        self.server.guard.check(request.method, {name.lower(): text for name, text in request.headers})

    def answer(self, request: Request) -> Response:
        return self.server.answer(request)

    def refusal(self, error: Refused) -> Response:
        return _problem(error.status, str(error))


class ConsoleServer(LoopbackServer):
    """The page and its calls; each start has a token of its own."""

    def __init__(
        self, listen: tuple[str, int], calls: Calls, connections: Callable[[], str | None] = read_table
    ) -> None:
        super().__init__(listen, _Handler)
        self._connections = connections
        self.guard = Guard(int(self.server_address[1]), secrets.token_urlsafe(24))
        self._calls = calls
        self._files = files(self.guard.token)

    def foreign(self, client: tuple[str, int]) -> str | None:
        """Return why a client is not known to be the user who started the console, or root; None if it is."""
        here = (str(self.server_address[0]), int(self.server_address[1]))
        return problem(self._connections, client, here, os.getuid())

    def answer(self, request: Request) -> Response:
        """Return a file of the page, or the result of a call; raise Refused."""
        try:
            method, path = request.method, urlsplit(request.path).path
        except ValueError as error:
            raise Refused(400, f"expected a path, found {request.path[:80]!r}: {error}") from error
        if method == "POST" and path.startswith(_CALLS):
            if request.header("content-type").partition(";")[0].strip() != "application/json":
                raise Refused(415, "expected Content-Type: application/json")
            return self._call(path.removeprefix(_CALLS), request.body)
        if method not in ("GET", "HEAD"):
            raise Refused(405, f"expected GET, or POST to {_CALLS}, found {method} {path[:80]}")
        if (file := self._files.get(path)) is None:
            raise Refused(404, f"{path[:80]} not found; the console is at {self.url}")
        return _answer(200, file.content_type, file.body)

    def _call(self, name: str, body: bytes) -> Response:
        try:
            arguments = parse_object(body or b"{}")
        except InvalidJson as error:
            raise Refused(400, f"expected a JSON object: {error}") from error
        try:
            return _json(200, self._calls.answer(name, arguments))
        except Refused as error:
            return _problem(error.status, str(error))
        except LifecycleError as error:
            return _problem(502, str(error))
        except Exception:
            log.exception("%s failed", name[:40])
            return _problem(500, "the console failed; read its log: lifecycle local logs console")


def _problem(status: int, message: str) -> Response:
    return _json(status, {"error": visible(message, instead="\N{REPLACEMENT CHARACTER}")})


def _json(status: int, value: Any) -> Response:
    return _answer(status, "application/json", json.dumps(value, default=str).encode())


def _answer(status: int, content_type: str, body: bytes) -> Response:
    return Response(status, body, (*HEADERS, ("Content-Type", content_type)))

"""The console's HTTP: the page's files by GET, its calls by POST; on loopback only.

Standard library: a thread a connection, HTTP/1.1 with kept connections, bounded bodies, one write an answer.
"""

import ipaddress
import json
import logging
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer, ThreadingMixIn
from typing import Any
from urllib.parse import urlsplit

from apps.local.console.api import Calls
from apps.local.console.errors import Refused
from apps.local.console.guard import Guard
from apps.local.console.static_files import files
from lifecycle.domain.errors import LifecycleError

LARGEST_BODY = 262_144
# Styles may be inline: widgets bring some. Scripts may not, nor anything of another host.
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
_IDLE_SECONDS = 60

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer."""

    status: int
    content_type: str
    body: bytes


def said(status: int, message: str) -> Answer:
    """A sentence, as an answer."""
    return Answer(status, "application/json", json.dumps({"error": message}).encode())


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = _IDLE_SECONDS
    server: "ConsoleServer"

    def _handle(self) -> None:
        headers = {name.lower(): text for name, text in self.headers.items()}
        try:
            self.server.guard.check(self.command, headers)
            answer = self.server.answer(self.command, self.path, headers, self._body())
        except Refused as error:
            # What was not read would be taken for the next request.
            self.close_connection = True
            answer = said(error.status, str(error))
        self._write(answer)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = _handle  # noqa: N815

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length", "0")
        if self.headers.get("Transfer-Encoding") or not length.isdigit():
            raise Refused(411, "expected a Content-Length")
        if int(length) > LARGEST_BODY:
            raise Refused(413, f"expected at most {LARGEST_BODY} bytes, found {length}")
        return self.rfile.read(int(length))

    def _write(self, answer: Answer) -> None:
        self.send_response_only(answer.status)
        for name, value in (*HEADERS, ("Content-Type", answer.content_type)):
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        head = b"".join(self._headers_buffer) + b"\r\n"
        self._headers_buffer: list[bytes] = []
        self.wfile.write(head + (b"" if self.command == "HEAD" else answer.body))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        log.debug(format, *args)


class ConsoleServer(ThreadingMixIn, TCPServer):
    """The page and its calls; each start has a token of its own."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, listen: tuple[str, int], calls: Calls) -> None:
        if not ipaddress.ip_address(listen[0]).is_loopback:
            raise ValueError(f"expected a loopback address to listen on, found {listen[0]}")
        super().__init__(listen, _Handler)
        self.guard = Guard(int(self.server_address[1]), secrets.token_urlsafe(24))
        self._calls = calls
        self._files = files(self.guard.token)

    @property
    def url(self) -> str:
        return f"http://{self.guard.hosts[0]}"

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """A file of the page, or what a call comes to; raises Refused."""
        path = urlsplit(target).path
        if method == "POST" and path.startswith(_CALLS):
            if headers.get("content-type", "").partition(";")[0].strip() != "application/json":
                raise Refused(415, "expected Content-Type: application/json")
            return self._called(path.removeprefix(_CALLS), body)
        if method not in ("GET", "HEAD"):
            raise Refused(405, f"expected GET, or POST to {_CALLS}, found {method} {path[:80]}")
        if (file := self._files.get(path)) is None:
            raise Refused(404, f"there is no {path[:80]}; the console is at {self.url}")
        return Answer(200, file.content_type, file.body)

    def _called(self, name: str, body: bytes) -> Answer:
        try:
            asked = json.loads(body or b"{}")
        except ValueError as error:
            raise Refused(400, f"expected JSON: {error}") from error
        if not isinstance(asked, dict):
            raise Refused(400, "expected a JSON object")
        try:
            found = self._calls.answer(name, asked)
        except Refused as error:
            return said(error.status, str(error))
        except LifecycleError as error:
            return said(502, str(error))
        except Exception:
            log.exception("%s failed", name[:40])
            return said(500, "the console failed; its log says why: lifecycle local logs console")
        return Answer(200, "application/json", json.dumps(found, default=str).encode())

    def start(self) -> None:
        """Serve in a thread, until `stop`."""
        threading.Thread(target=self.serve_forever, args=(0.1,), name="console", daemon=True).start()

    def stop(self) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        log.debug("connection of %s ended early", client_address)

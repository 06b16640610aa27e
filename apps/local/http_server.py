"""An HTTP/1.1 server on loopback, which aws/proxy.py and console/server.py extend.

Standard library: one thread per connection, persistent connections, bounded bodies. An answer is one write, so that
no delayed acknowledgement costs 40 ms.
"""

import contextlib
import errno
import ipaddress
import logging
import re
import socket
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer, ThreadingMixIn
from typing import Any
from urllib.parse import urlsplit

from apps.local.aws import web_pages
from apps.local.errors import LaptopError
from apps.local.ports import holder

_NUMBER = re.compile(r"[0-9]+")
_DIGITS = 18

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Request:
    """One call; `path` includes the query, `headers` are in their order."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""

    def header(self, name: str) -> str:
        """Return a header by its lower-case name; empty if the call has none."""
        return next((value for key, value in self.headers if key.lower() == name), "")


@dataclass(frozen=True, slots=True)
class Response:
    """One answer; `headers` without the ones that belong to a connection."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


class Refused(LaptopError):
    """The server does not take the request; `status` is HTTP's."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Handler(BaseHTTPRequestHandler):
    """Reads requests and writes the answers that `answer` returns; `check` refuses some before their body."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 120
    largest_body = 1_048_576

    def check(self, request: Request) -> None:
        """Raise Refused for a request whose body shall not be read, as any that comes from a web page."""
        if problem := web_pages.refusal({name.lower(): text for name, text in request.headers}):
            raise Refused(403, problem)

    def answer(self, request: Request) -> Response:
        """Answer one request; raise Refused if it cannot be taken."""
        raise NotImplementedError

    def refusal(self, error: Refused) -> Response:
        """Return the answer to a refused request."""
        return Response(error.status, str(error).encode())

    def _handle(self) -> None:
        request = Request(self.command, self.path, tuple(self.headers.items()))
        try:
            self._check_version()
            self.check(request)
            request = Request(self.command, self.path, request.headers, self._body())
            response = self.answer(request)
        except Refused as error:
            # An unread body would be taken for the next request.
            self.close_connection = True
            response = self.refusal(error)
        except TimeoutError:
            raise  # nothing more came, and the connection ends
        except Exception:
            log.exception("%s failed", request.method[:40])
            self.close_connection = True
            response = self.refusal(Refused(500, "the request failed; see the log of this server"))
        self._write(response)

    def _check_version(self) -> None:
        if self.request_version == "HTTP/0.9":  # its answers have no status
            self.request_version = "HTTP/1.0"
            raise Refused(400, "expected HTTP/1.1")

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = _handle  # noqa: N815

    def _body(self) -> bytes:
        lengths = set(self.headers.get_all("Content-Length", ["0"]))
        length = lengths.pop()
        if lengths or self.headers.get("Transfer-Encoding") or not _NUMBER.fullmatch(length):
            raise Refused(411, "expected one Content-Length, a number")
        if len(length) > _DIGITS or int(length) > self.largest_body:
            raise Refused(413, f"expected a body of at most {self.largest_body} bytes, found {length[:40]}")
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            raise Refused(400, f"expected a body of {length} bytes, found {len(body)}")
        return body

    def _write(self, response: Response) -> None:
        self.send_response_only(response.status)
        for name, value in (*response.headers, ("Content-Length", str(len(response.body)))):
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        head = b"".join(self._headers_buffer) + b"\r\n"
        self._headers_buffer: list[bytes] = []
        self.wfile.write(head + (b"" if self.command == "HEAD" else response.body))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        log.debug(format, *args)


class LoopbackServer(ThreadingMixIn, TCPServer):
    """The server; raises ValueError for another address than a loopback one, OSError where it cannot listen.

    It takes its port at once, and connections from `start` on. So a port that is open has a server that is ready.
    """

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, listen: tuple[str, int], handler: type[Handler]) -> None:
        host, port = listen
        if not ipaddress.ip_address(host).is_loopback:
            raise ValueError(f"expected a loopback address to listen on, found {host}")
        try:
            super().__init__(listen, handler, bind_and_activate=False)
            self.server_bind()
        except OSError as error:
            self.server_close()
            taken = f"; it is taken{holder(port)}" if error.errno == errno.EADDRINUSE else ""
            raise OSError(f"cannot listen on {host}:{port}: {error.strerror}{taken}") from error

    @property
    def url(self) -> str:
        """The server's address, as a URL without a path."""
        return f"http://{self.server_address[0]!s}:{self.server_address[1]}"

    def start(self) -> None:
        """Serve in a thread, until `stop`; raise OSError where something else began to listen meanwhile."""
        self.server_activate()
        threading.Thread(target=self.serve_forever, args=(1.0,), name="http", daemon=True).start()

    def stop(self) -> None:
        """Take no more connections."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)  # it ends the wait for the next connection
        self.shutdown()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        log.debug("connection of %s ended early", client_address)


def host_and_port(url: str) -> tuple[str, int]:
    """Return the host and port of an http:// URL; raise ValueError for another URL."""
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname or not parts.port:
        raise ValueError(f"expected a URL such as http://127.0.0.1:4566, found {url!r}")
    return parts.hostname, parts.port

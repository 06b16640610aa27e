"""A small HTTP server in front of the emulator: every call goes on to it, some answers are completed here.

The dispatcher (ELBv2) and the build service (CodeBuild) are both one. The Host header, the signature and the
body go on unchanged, so that the emulator's IAM decides, and its refusals come back unchanged. Loopback only,
HTTP/1.1 with kept connections, bounded bodies. Standard library: one thread a connection, and each keeps its
own connection to the emulator; an answer is one write, so that no delayed acknowledgement costs 40 ms.
"""

import http.client
import ipaddress
import json
import logging
import select
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer, ThreadingMixIn
from typing import Any
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

import psutil

LARGEST_BODY = 1_048_576
_IDLE_SECONDS = 30.0
_ANSWER_SECONDS = 60.0
_HOP_BY_HOP = frozenset(
    ("content-length", "connection", "keep-alive", "proxy-connection", "te", "trailer", "upgrade")
) | {"transfer-encoding"}

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Request:
    """One call; `path` with its query, `headers` in their order."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name), "")


@dataclass(frozen=True, slots=True)
class Response:
    """One answer; `headers` without the ones that belong to a connection."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


Forward = Callable[[Request], Response]
Answer = Callable[[Request, Forward], Response]


class EmulatorAwayError(Exception):
    """The emulator does not answer; the caller may try again."""


class _Upstream:
    """One kept connection to the emulator; a call is sent once and never again."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._connection: http.client.HTTPConnection | None = None
        self._used = 0.0

    def send(self, request: Request) -> Response:
        try:
            return self._send(request)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise EmulatorAwayError(f"no answer from {self._host}:{self._port}: {error!r}") from error

    def _send(self, request: Request) -> Response:
        connection = self._open()
        connection.putrequest(request.method, request.path, skip_host=True, skip_accept_encoding=True)
        for name, value in request.headers:
            if name.lower() not in _HOP_BY_HOP:
                connection.putheader(name, value)
        connection.putheader("Content-Length", str(len(request.body)))
        connection.endheaders(request.body)
        found = connection.getresponse()
        body = found.read()
        self._used = time.monotonic()
        if found.will_close:
            self.close()
        kept = tuple((name, value) for name, value in found.getheaders() if name.lower() not in _HOP_BY_HOP)
        return Response(found.status, body, kept)

    def _open(self) -> http.client.HTTPConnection:
        """The kept connection, unless it is old or the emulator closed it: a call must not be lost on it."""
        kept = self._connection
        if kept is not None and kept.sock is not None:
            closed = bool(select.select([kept.sock], [], [], 0)[0])
            if not closed and time.monotonic() - self._used < _IDLE_SECONDS:
                return kept
        self.close()
        fresh = http.client.HTTPConnection(self._host, self._port, timeout=_ANSWER_SECONDS)
        fresh.connect()
        fresh.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connection = fresh
        return fresh

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 120
    server: "PassThrough"

    def setup(self) -> None:
        super().setup()
        self._upstream = _Upstream(*self.server.emulator)

    def finish(self) -> None:
        self._upstream.close()
        super().finish()

    def _handle(self) -> None:
        if (request := self._read()) is None:
            return
        try:
            response = self.server.answer(request, self._upstream.send)
        except EmulatorAwayError as error:
            log.warning("%s %s: %s", request.method, request.path, error)
            response = failure(request, 503, "ServiceUnavailable", str(error))
        except Exception:
            log.exception("%s %s failed", request.method, request.path)
            response = failure(request, 500, "InternalFailure", "see the log of this endpoint")
        self._write(response)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = _handle  # noqa: N815

    def _read(self) -> Request | None:
        length = self.headers.get("Content-Length", "0")
        if self.headers.get("Transfer-Encoding") or not length.isdigit():
            self._refuse(411, "expected a Content-Length")
            return None
        if int(length) > LARGEST_BODY:
            self._refuse(413, f"expected a body of at most {LARGEST_BODY} bytes, found {length}")
            return None
        body = self.rfile.read(int(length))
        return Request(self.command, self.path, tuple(self.headers.items()), body)

    def _refuse(self, status: int, message: str) -> None:
        self.close_connection = True
        self._write(Response(status, message.encode()))

    def _write(self, response: Response) -> None:
        self.log_request(response.status)
        self.send_response_only(response.status)
        for name, value in response.headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(response.body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        head = b"".join(self._headers_buffer) + b"\r\n"
        self._headers_buffer: list[bytes] = []
        self.wfile.write(head + response.body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        log.debug(format, *args)


class PassThrough(ThreadingMixIn, TCPServer):
    """The server; `answer` is given each request and the way on to the emulator."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, listen: tuple[str, int], emulator: str, answer: Answer) -> None:
        if not ipaddress.ip_address(listen[0]).is_loopback:
            raise ValueError(f"expected a loopback address to listen on, found {listen[0]}")
        self.emulator = host_and_port(emulator)
        self.answer = answer
        try:
            super().__init__(listen, _Handler)
        except OSError as error:
            raise OSError(
                f"cannot listen on {listen[0]}:{listen[1]}: {error.strerror}{holder(listen[1])}"
            ) from error

    @property
    def url(self) -> str:
        return f"http://{self.server_address[0]!s}:{self.server_address[1]}"

    def start(self) -> None:
        """Serve in a thread, until `stop`."""
        threading.Thread(target=self.serve_forever, args=(0.1,), name="pass-through", daemon=True).start()

    def stop(self) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        log.debug("connection of %s ended early", client_address)


def host_and_port(url: str) -> tuple[str, int]:
    """The host and port of an http:// URL; raises ValueError."""
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname or not parts.port:
        raise ValueError(f"expected a URL such as http://127.0.0.1:4566, found {url!r}")
    return parts.hostname, parts.port


def failure(request: Request, status: int, code: str, message: str) -> Response:
    """An error of ours in the protocol that the caller's SDK reads; it retries a 5xx."""
    if request.header("x-amz-target"):
        body = json.dumps({"__type": code, "message": message})
        return Response(status, body.encode(), (("Content-Type", "application/x-amz-json-1.1"),))
    fault = "Sender" if status < 500 else "Receiver"
    body = (
        f"<ErrorResponse><Error><Type>{fault}</Type><Code>{code}</Code>"
        f"<Message>{escape(message)}</Message></Error></ErrorResponse>"
    )
    return Response(status, body.encode(), (("Content-Type", "text/xml"),))


def holder(port: int) -> str:
    """Who listens on a local port, as the end of an error message; empty when it cannot be told."""
    try:
        for found in psutil.net_connections("tcp"):
            if found.status == psutil.CONN_LISTEN and found.laddr and found.laddr.port == port and found.pid:
                command = " ".join(psutil.Process(found.pid).cmdline())
                return f" (held by process {found.pid}: {command[:120]})"
    except (psutil.Error, OSError):
        pass
    return ""

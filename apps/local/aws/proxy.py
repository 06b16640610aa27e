"""A proxy in front of the emulator: it forwards every call, and some answers are completed on the way back.

The dispatcher (ELBv2) and the build service (CodeBuild) are both one. The Host header, the path, the signature and
the body are forwarded unchanged, so that the emulator's IAM decides, and its refusals come back unchanged. Each
connection of a caller has a connection of its own to the emulator.
"""

import http.client
import json
import logging
import select
import socket
import time
from collections.abc import Callable, Iterable
from typing import TypeAlias
from xml.sax.saxutils import escape  # it parses nothing  # nosec B406

from apps.local.http_server import Handler, LoopbackServer, Refused, Request, Response, host_and_port

LARGEST_BODY = Handler.largest_body
_IDLE_SECONDS = 30.0
_ANSWER_SECONDS = 60.0
_HOP_BY_HOP = frozenset(
    ("content-length", "connection", "keep-alive", "proxy-connection", "te", "trailer", "upgrade")
) | {"transfer-encoding"}

log = logging.getLogger(__name__)

Forward: TypeAlias = Callable[[Request], Response]
Answer: TypeAlias = Callable[[Request, Forward], Response]


class EmulatorUnreachable(Exception):
    """The emulator does not answer; the caller may try again."""


class _Upstream:
    """One persistent connection to the emulator; a call is sent once and never again."""

    def __init__(self, host: str, port: int) -> None:
        self._connection = http.client.HTTPConnection(host, port, timeout=_ANSWER_SECONDS)
        self._used = 0.0

    def send(self, request: Request) -> Response:
        """Forward one call; raise EmulatorUnreachable if no answer comes, and Refused if it cannot be sent on."""
        try:
            return self._send(request)
        except (ValueError, http.client.InvalidURL) as error:  # http.client sends no such path or header
            self.close()
            raise Refused(400, f"the request cannot be sent on: {error!r:.200}") from error
        except (OSError, http.client.HTTPException) as error:
            self.close()
            address = f"{self._connection.host}:{self._connection.port}"
            raise EmulatorUnreachable(f"no answer from {address}: {error!r}") from error

    def _send(self, request: Request) -> Response:
        self._open()
        connection = self._connection
        connection.putrequest(request.method, request.path, skip_host=True, skip_accept_encoding=True)
        for name, value in _end_to_end(request.headers):
            connection.putheader(name, value)
        connection.putheader("Content-Length", str(len(request.body)))
        connection.endheaders(request.body)
        found = connection.getresponse()
        body = found.read()
        self._used = time.monotonic()
        return Response(found.status, body, _end_to_end(found.getheaders()))

    def _open(self) -> None:
        """Connect again if the connection is old or the emulator closed it: no call may be lost on it."""
        open_socket = self._connection.sock
        if open_socket is not None:
            closed = bool(select.select([open_socket], [], [], 0)[0])
            if not closed and time.monotonic() - self._used < _IDLE_SECONDS:
                return
        self.close()
        self._connection.connect()
        self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self) -> None:
        self._connection.close()


def _end_to_end(headers: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Return the headers that do not belong to one connection."""
    return tuple((name, value) for name, value in headers if name.lower() not in _HOP_BY_HOP)


class _Handler(Handler):
    server: "PassThrough"

    def setup(self) -> None:
        super().setup()
        self._upstream = _Upstream(*self.server.emulator)

    def finish(self) -> None:
        self._upstream.close()
        super().finish()

    def answer(self, request: Request) -> Response:
        try:
            return self.server.answer(request, self._upstream.send)
        except EmulatorUnreachable as error:
            log.warning("%s %s: %s", request.method, request.path, error)
            return failure(request, 503, "ServiceUnavailable", str(error))
        except Refused:
            raise
        except Exception:
            log.exception("%s %s failed", request.method, request.path)
            return failure(request, 500, "InternalFailure", "see the log of this endpoint")


class PassThrough(LoopbackServer):
    """The proxy's server; it calls `answer` with each request and the way on to the emulator."""

    def __init__(self, listen: tuple[str, int], emulator: str, answer: Answer) -> None:
        self.emulator = host_and_port(emulator)
        self.answer = answer
        super().__init__(listen, _Handler)


def failure(request: Request, status: int, code: str, message: str) -> Response:
    """Return an error of the proxy in the protocol that the caller's SDK reads; an SDK retries a 5xx."""
    if request.header("x-amz-target"):
        body = json.dumps({"__type": code, "message": message})
        return Response(status, body.encode(), (("Content-Type", "application/x-amz-json-1.1"),))
    fault = "Sender" if status < 500 else "Receiver"
    body = (
        f"<ErrorResponse><Error><Type>{fault}</Type><Code>{code}</Code>"
        f"<Message>{escape(message)}</Message></Error></ErrorResponse>"
    )
    return Response(status, body.encode(), (("Content-Type", "text/xml"),))

"""Hostile requests over a raw socket, made from a seed, and whether a server answers them."""

import random
import re
import socket
from collections.abc import Iterator

from tests.support.polling import PATIENCE_SECONDS

_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3}) ")
_METHODS = (
    b"GET",
    b"POST",
    b"PUT",
    b"HEAD",
    b"OPTIONS",
    b"DELETE",
    b"PATCH",
    b"CONNECT",
    b"PRI",
    b"get",
    b"G\x00T",
    b"",
)
_PATHS = (
    *(b"/", b"*", b"//", b"/..%2f..%2fetc/passwd", b"/%00", b"/%", b"/?%ff=%zz", b"/\xff\xfe", b"/\x01", b"/a\x7f"),
    *(b"http://[", b"http://[::1", b"//[", b"/" + b"a" * 70_000, b"/?" + b"a=b&" * 5_000, b"", b"/;\xe2\x80\xae"),
    *(b"/api/invoke", b"/_ministack/health", b"/_lifecycle/snapshot", b"/api/" + b"x" * 300),
)
_NUMBERS = (b"-1", b"\xb2", b"1e3", b"0x10", b"+5", b"5 5", b"", b"9" * 5_000, b"99999999999", b"\xd9\xa1", b"4, 4")
_HEADERS = (
    *((b"Content-Length", each) for each in _NUMBERS),
    *(
        (b"Transfer-Encoding", each)
        for each in (b"chunked", b"gzip, chunked", b"identity", b"\x0bchunked", b"xchunked")
    ),
    *(
        (b"Host", each)
        for each in (b"", b"evil.example", b"[", b"127.0.0.1:99999999", b"a" * 66_000, b"localhost\x00")
    ),
    *((b"Content-Type", each) for each in (b"application/json", b"multipart/form-data; boundary=", b";;;", b"\xff")),
    *(
        (b"Authorization", each)
        for each in (b"AWS4-HMAC-SHA256", b"AWS4-HMAC-SHA256 Credential=/////", b"Basic \xff", b"")
    ),
    *(
        (b"X-Amz-Target", each)
        for each in (b"DynamoDB_20120810.PutItem", b".", b"\xff.\xff", b"AmazonSSM." + b"x" * 9_000)
    ),
    (b"Origin", b"null"),
    (b"Expect", b"100-continue"),
    (b"Connection", b"Upgrade"),
    (b"Upgrade", b"websocket"),
    (b"X-Hub-Signature-256", b"sha256=\xff"),
    (b"Bad Name", b"x"),
    (b"", b"x"),
    (b"X-Folded", b"a\r\n b"),
)
_BODIES = (
    *(b"", b"{", b"[]", b"null", b'"' + b"\\ud800" * 50 + b'"', b"\xff\xfe\x00", b"{}" * 50_000, b"1" * 5_000),
    *(b"[" * 100_000, b'{"a":' * 50_000, b"4\r\nabcd\r\n0\r\n\r\n", b"zz\r\nabcd\r\n", b"ffffffffffffffff\r\nab"),
    *(
        b'{"TableName": 7, "Key": []}',
        b'{"endpoint": 7, "payload": {"__proto__": 1}}',
        b"Action=RegisterTargets&Targets",
    ),
)


def requests(seed: int, count: int, headers: dict[bytes, bytes]) -> Iterator[bytes]:
    """Yield requests, of which each has some parts that a server may stumble over; `headers` let it come so far."""
    choose = random.Random(seed)  # noqa: S311 - the same input each time
    for _ in range(count):
        body = choose.choice(_BODIES)
        lines = dict(headers)
        if choose.random() < 0.6:
            lines[b"Content-Length"] = str(len(body) + choose.choice((0, 0, 0, 1, 100_000))).encode()
        more = choose.sample(_HEADERS, choose.choice((0, 0, 1, 1, 2, 4)))
        head = [*lines.items(), *more, *([(b"X-Many", b"y")] * choose.choice((0, 0, 0, 200)))]
        end = choose.choice((b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r"))
        version = choose.choice(
            (b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0", b"HTTP/9", b"", b"\xff")
        )
        first = b" ".join((choose.choice(_METHODS[:7] * 3 + _METHODS), choose.choice(_PATHS), version))
        whole = end.join((first, *(b": ".join(each) for each in head), b"", b"")) + body
        yield whole[: choose.randrange(1, len(whole))] if choose.random() < 0.1 else whole


def answer(address: tuple[str, int], request: bytes) -> int | None:
    """Send a request, say that nothing follows, and return the status of the answer; None where there is none.

    Raises TimeoutError if the server neither answers nor closes the connection.
    """
    with socket.create_connection(address, timeout=PATIENCE_SECONDS) as connection:
        found = b""
        try:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            while b"\r\n" not in found and (more := connection.recv(65536)):
                found += more
        except (BrokenPipeError, ConnectionResetError, OSError) as error:  # it answered, and closed before the end
            if isinstance(error, TimeoutError):
                raise
            found += _rest(connection)
    status = _STATUS.match(found)
    return int(status[1]) if status else (0 if found else None)


def _rest(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65536)
    except OSError:
        return b""

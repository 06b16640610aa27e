"""The proxy, in front of a server that echoes each request."""

import contextlib
import http.client
import socket
from collections.abc import Iterator

import pytest

from apps.local.aws.proxy import LARGEST_BODY, Forward, PassThrough
from apps.local.http_server import Request, Response
from tests.integration.dispatcher.harness import free_port
from tests.support.polling import PATIENCE_SECONDS

pytestmark = pytest.mark.timeout(30)


def echo(request: Request, _: Forward) -> Response:
    body = f"{request.method} {request.path} {request.header('host')} ".encode() + request.body
    return Response(403 if request.path == "/denied" else 200, body, (("X-Said", "yes"),))


@contextlib.contextmanager
def serving(emulator: str) -> Iterator[PassThrough]:
    server = PassThrough(("127.0.0.1", 0), emulator, lambda request, forward: forward(request))
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def through() -> Iterator[http.client.HTTPConnection]:
    behind = PassThrough(("127.0.0.1", 0), "http://127.0.0.1:1", echo)
    behind.start()
    with serving(behind.url) as server, contextlib.closing(connected(server)) as connection:
        yield connection
    behind.stop()


def connected(server: PassThrough) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=PATIENCE_SECONDS)


def ask(connection: http.client.HTTPConnection, path: str, body: bytes = b"") -> tuple[int, bytes, str]:
    connection.request("POST", path, body, {"Host": "localhost:4567"})
    found = connection.getresponse()
    return found.status, found.read(), found.headers.get("X-Said", "")


def test_host_path_body_status_and_headers_go_through_unchanged(through: http.client.HTTPConnection) -> None:
    expected = b"POST /?a=1&b=%20 localhost:4567 \x00\xff"
    assert ask(through, "/?a=1&b=%20", b"\x00\xff") == (200, expected, "yes")
    assert ask(through, "/denied")[0] == 403


@pytest.mark.parametrize(
    "sent", [{"Host": "evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "http://x"}]
)
def test_request_of_a_web_page_is_refused_and_not_forwarded(
    through: http.client.HTTPConnection, sent: dict[str, str]
) -> None:
    through.request("POST", "/", b"Action=DescribeLoadBalancers", {"Host": "localhost:4567", **sent})
    found = through.getresponse()
    assert (found.status, found.headers.get("X-Said")) == (403, None)
    assert b"Nothing was done" in found.read()


def test_one_connection_serves_many_calls(through: http.client.HTTPConnection) -> None:
    ask(through, "/")
    kept = through.sock
    ask(through, "/")
    assert through.sock is kept


def test_a_body_that_is_too_large_or_of_unknown_length_is_refused(
    through: http.client.HTTPConnection,
) -> None:
    through.putrequest("POST", "/")
    through.putheader("Content-Length", str(LARGEST_BODY + 1))
    through.endheaders()
    assert through.getresponse().status == 413
    through.close()
    through.putrequest("POST", "/")
    through.putheader("Transfer-Encoding", "chunked")
    through.endheaders()
    assert through.getresponse().status == 411


def test_unreachable_emulator_is_503_until_it_answers_again() -> None:
    port = free_port()
    with serving(f"http://127.0.0.1:{port}") as server, contextlib.closing(connected(server)) as connection:
        assert ask(connection, "/")[0] == 503
        for _ in range(2):
            behind = PassThrough(("127.0.0.1", port), "http://127.0.0.1:1", echo)
            behind.start()
            assert ask(connection, "/")[0] == 200
            behind.stop()


def test_proxy_listens_on_loopback_only_and_names_the_holder_of_a_taken_port() -> None:
    with pytest.raises(ValueError, match="loopback"):
        PassThrough(("0.0.0.0", 0), "http://127.0.0.1:1", echo)
    with socket.create_server(("127.0.0.1", 0)) as holder, pytest.raises(OSError, match="taken by pid"):
        PassThrough(("127.0.0.1", holder.getsockname()[1]), "http://127.0.0.1:1", echo)

"""The check that the balancer repeats to say why a target fails."""

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from apps.local.dispatcher.envoy_configuration import Check
from apps.local.dispatcher.failed_checks import repeated
from apps.local.dispatcher.targets import HEALTHY, TIMED_OUT, Address

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture
def dripping() -> Iterator[socket.socket]:
    """A server that sends its answer a byte every 0.1 s, so that no single read takes long."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_serve, args=(server, 0.1), daemon=True).start()
        yield server


def _serve(server: socket.socket, seconds: float) -> None:
    pause = threading.Event()
    with contextlib.suppress(OSError):  # the other side has had enough
        while True:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                for number in range(len(ANSWER)):
                    connection.sendall(ANSWER[number : number + 1])
                    pause.wait(seconds)


def test_answer_that_arrives_byte_by_byte_times_out(dripping: socket.socket) -> None:
    """Found by a breaker: each read was in time, the whole answer took 12 s, and every plan waited for it."""
    address = Address("127.0.0.1", dripping.getsockname()[1])
    assert repeated(address, Check("/")) == TIMED_OUT


def test_answer_in_time_is_healthy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_serve, args=(server, 0.0), daemon=True).start()
        assert repeated(Address("127.0.0.1", server.getsockname()[1]), Check("/")) == HEALTHY

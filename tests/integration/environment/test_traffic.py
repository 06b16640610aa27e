import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import pytest

from tests.support.polling import PATIENCE_SECONDS, wait_for
from tools.demo.traffic import Outcome, Tally, Traffic


class Server:
    """An HTTP server whose nth answer is `answers(n)`; None closes the connection instead."""

    def __init__(self, answers: Callable[[int], bytes | None]) -> None:
        self.answers = answers
        self.requests = 0
        self.connections = 0
        self.port = 0

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                self.requests += 1
                if (answer := self.answers(self.requests)) is None:
                    break
                writer.write(answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    @asynccontextmanager
    async def _listening(self) -> AsyncIterator[None]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            server.close()

    @contextmanager
    def running(self) -> Iterator[str]:
        ready = threading.Event()
        loop, stop = asyncio.new_event_loop(), asyncio.Event()

        async def main() -> None:
            async with self._listening():
                ready.set()
                await stop.wait()

        thread = threading.Thread(target=lambda: loop.run_until_complete(main()))
        thread.start()
        ready.wait(PATIENCE_SECONDS)
        try:
            yield f"http://127.0.0.1:{self.port}/path"
        finally:
            loop.call_soon_threadsafe(stop.set)
            thread.join()
            loop.close()


def answer(status: int = 200, version: str = "1.0.0", body: bytes = b"hello") -> bytes:
    head = f"HTTP/1.1 {status} X\r\nX-Version: {version}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def drive(server: Server, rate: float = 200, seconds: float = 0.25) -> Tally:
    with server.running() as url, Traffic(url, rate, seconds) as traffic:
        traffic.wait()
    return traffic.tally


def test_every_due_request_is_sent_once_over_few_connections() -> None:
    server = Server(lambda _: answer())
    tally = drive(server)
    assert (tally.sent, tally.failed, server.requests) == (50, 0, 50)
    assert server.connections < 10
    assert tally.facts()["statuses"] == {"200": 50}
    assert set(tally.facts()["latency_ms"]) == {"p50", "p90", "p99", "p999", "max"}


def test_answers_are_counted_by_version() -> None:
    tally = drive(Server(lambda n: answer(version="1.0.0" if n <= 20 else "1.0.1")))
    assert tally.facts()["versions"] == {"1.0.0": 20, "1.0.1": 30}


def test_an_error_answer_is_a_failure_and_an_answer() -> None:
    tally = drive(Server(lambda n: answer(503) if n % 5 == 0 else answer()))
    assert tally.facts()["failures"] == {"HTTP 503": 10}
    assert (tally.sent, tally.failed) == (50, 10)


def test_a_connection_closed_instead_of_an_answer_is_a_failure_and_not_retried() -> None:
    server = Server(lambda n: None if n % 10 == 0 else answer())
    tally = drive(server)
    assert (tally.sent, tally.failed, server.requests) == (50, 5, 50)
    assert tally.first_failure


def test_a_refused_connection_fails_every_request() -> None:
    with Traffic("http://127.0.0.1:1/", 100, 0.1) as traffic:
        traffic.wait()
    assert traffic.tally.facts()["failures"] == {"ConnectionRefusedError": 10}


def test_chunked_and_unbounded_answers_are_read_to_their_end() -> None:
    chunked = b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    closing = b"HTTP/1.1 200 X\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"
    tally = drive(Server(lambda n: chunked if n % 2 else closing))
    assert (tally.sent, tally.failed) == (50, 0)


def test_an_invalid_answer_is_a_failure() -> None:
    tally = drive(Server(lambda _: b"what?\r\n\r\n"), rate=100, seconds=0.1)
    assert tally.failed == tally.sent == 10


def test_traffic_in_the_background_ends_with_its_block() -> None:
    with Server(lambda _: answer()).running() as url, Traffic(url, 200) as traffic:
        wait_for("20 requests", lambda: traffic.tally.sent >= 20)
    assert traffic.tally.sent >= 20
    assert traffic.tally.failed == 0


@pytest.mark.parametrize("count", [1, 1000])
def test_percentiles_cover_answered_requests(count: int) -> None:
    tally = Tally()
    for n in range(count):
        tally.add(Outcome(due=5.0, sent=5.0, ended=5.0 + n / 1000, status=200))
    assert tally.facts()["latency_ms"]["max"] == count - 1
    assert tally.facts()["versions"] == {"none": count}

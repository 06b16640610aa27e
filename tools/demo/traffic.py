"""An open-loop load generator: it sends at a fixed rate, whether or not earlier requests were answered.

It reuses connections and never retries. `python -m tools.demo.traffic URL --rate 200` prints its figures as
JSON. An answer's version is its `X-Version` header. Used by the demo, the bench and the end-to-end tests.
"""

import argparse
import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self, TypeAlias
from urllib.parse import urlsplit

from tools.demo.connections import Connections, answer

TIMEOUT_SECONDS = 10.0
_QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p999": 0.999, "max": 1.0}


class Outcome(NamedTuple):
    """One request; the times are time.monotonic()'s.

    Without an answer, `status` is 0 and `failure` says why.
    """

    due: float
    sent: float
    ended: float
    status: int = 0
    failure: str = ""
    version: str = ""
    body: bytes = b""

    @property
    def latency(self) -> float:
        """Seconds since the request was due, so that a queue in this process would show."""
        return self.ended - self.due


@dataclass(slots=True)
class Tally:
    """Counts of what came back; `latencies` in seconds, of answered requests only."""

    statuses: Counter[str] = field(default_factory=Counter)
    versions: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)
    first_failure: str = ""
    unanswered: int = 0

    @property
    def sent(self) -> int:
        return self.statuses.total() + self.unanswered

    @property
    def failed(self) -> int:
        return self.failures.total()

    def add(self, outcome: Outcome) -> None:
        if outcome.status:
            self.statuses[str(outcome.status)] += 1
            self.versions[outcome.version or "none"] += 1
            self.latencies.append(outcome.latency)
        else:
            self.unanswered += 1
        if outcome.failure:
            self._fail(outcome.failure)

    def _fail(self, reason: str) -> None:
        self.failures[reason] += 1
        self.first_failure = self.first_failure or f"{time.strftime('%H:%M:%S')} {reason}"

    def facts(self) -> dict[str, Any]:
        """Return everything as plain JSON values; latencies in milliseconds."""
        return {
            "requests": self.sent,
            "failed": self.failed,
            "failures": dict(self.failures),
            "first_failure": self.first_failure or None,
            "statuses": dict(self.statuses),
            "versions": dict(self.versions),
            "latency_ms": milliseconds(self.latencies),
        }


def milliseconds(seconds: Iterable[float]) -> dict[str, float]:
    """Return the reported percentiles in milliseconds; empty when there are no values."""
    ordered = sorted(seconds)
    return {
        name: round(1000 * ordered[min(len(ordered) - 1, int(quantile * len(ordered)))], 2)
        for name, quantile in _QUANTILES.items()
        if ordered
    }


Add: TypeAlias = Callable[[Outcome], None]


async def generate(url: str, rate: float, stop: threading.Event, add: Add, seconds: float) -> None:
    """Send `rate` GETs a second until `seconds` passed or `stop` is set; pass each one's outcome to `add`."""
    parts = urlsplit(url)
    connections = Connections(parts.hostname or "127.0.0.1", parts.port or 80)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    request = f"GET {target} HTTP/1.1\r\nHost: {parts.netloc}\r\nUser-Agent: lifecycle\r\n\r\n".encode()
    flying: set[asyncio.Task[None]] = set()
    began = time.monotonic()
    number = 0
    while not stop.is_set() and (due := began + number / rate) < began + seconds:
        if (wait := due - time.monotonic()) > 0:
            await asyncio.sleep(wait)
        task = asyncio.create_task(_send(connections, request, add, due))
        flying.add(task)
        task.add_done_callback(flying.discard)
        number += 1
    if flying:
        await asyncio.wait(flying)
    await connections.close()


async def _send(connections: Connections, request: bytes, add: Add, due: float) -> None:
    sent = time.monotonic()
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            reader, writer = await connections.take()
            try:
                writer.write(request)
                status, headers, body = await answer(reader)
            except BaseException:
                writer.close()
                raise
    except TimeoutError:
        add(Outcome(due, sent, time.monotonic(), failure=f"no answer within {TIMEOUT_SECONDS:.0f} s"))
        return
    except (OSError, EOFError, ValueError, asyncio.LimitOverrunError) as error:
        add(Outcome(due, sent, time.monotonic(), failure=type(error).__name__))
        return
    failure = "" if 200 <= status < 400 else f"HTTP {status}"
    add(Outcome(due, sent, time.monotonic(), status, failure, headers.get("x-version", ""), body))
    if headers.get("connection", "").lower() == "close":
        writer.close()
    else:
        connections.give(reader, writer)


class Traffic:
    """Traffic in the background of a `with` block; `tally` may be read while it runs."""

    def __init__(self, url: str, rate: float, seconds: float = 86_400.0) -> None:
        self.url = url
        self.tally = Tally()
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(generate(url, rate, self._stop, self.tally.add, seconds)), daemon=True
        )

    @property
    def started(self) -> bool:
        return self._thread.ident is not None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def wait(self) -> None:
        """Wait until the time is over."""
        self._thread.join()


class WhenAnswering:
    """Traffic that starts after the first 2xx answer: an empty cluster can only fail requests."""

    def __init__(self, traffic: Traffic) -> None:
        self._traffic = traffic
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._wait, daemon=True)

    def __enter__(self) -> Traffic:
        self._thread.start()
        return self._traffic

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._thread.join()
        if self._traffic.started:
            self._traffic.__exit__(*error)

    def _wait(self) -> None:
        while not self._ended.is_set():
            with Traffic(self._traffic.url, rate=20, seconds=0.05) as probe:
                probe.wait()
            if probe.tally.sent and not probe.tally.failed:
                self._traffic.__enter__()
                return


def main() -> None:
    """Print the figures of one run as JSON; exit 1 when any request failed."""
    parser = argparse.ArgumentParser(description="Send GET requests at a steady rate; never retries.")
    parser.add_argument("url")
    parser.add_argument("--rate", type=float, default=200.0, help="requests per second")
    parser.add_argument("--seconds", type=float, default=10.0)
    given = parser.parse_args()
    with Traffic(given.url, given.rate, given.seconds) as traffic:
        traffic.wait()
    print(json.dumps(traffic.tally.facts(), indent=2))
    raise SystemExit(1 if traffic.tally.failed else 0)


if __name__ == "__main__":
    main()

"""The service's own metrics: readings of a service on loopback, and what is published."""

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from apps.agent.metrics import MAXIMUM_ANSWER_BYTES, MetricsPublisher
from apps.agent.settings import Settings
from lifecycle.domain.analysis.model import Better, Measure, Scale
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.service.manifest import Check, Manifest, Run
from lifecycle.gateways.serialization import to_json
from tests.fakes.agent import MemoryMetricSink
from tests.integration.agent.host import manifest_of
from tests.support.polling import PATIENCE_SECONDS, eventually

QUEUE = Measure("queue", Better.LOWER, Scale.RATIO, 0.1, 0.25)
HITS = Measure("hits.per_minute", Better.HIGHER, Scale.RATIO, 0.1, 0.25)


class Answering:
    """A service that answers one body."""

    def __init__(self) -> None:
        self.body, self.status, self.hold = b"{}", 200, threading.Event()
        self.hold.set()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True

    def answers(self, body: Any, status: int = 200) -> None:
        self.body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.status = status

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                service.hold.wait(PATIENCE_SECONDS)
                self.send_response(service.status if self.path == "/metrics.json" else 404)
                self.end_headers()
                with contextlib.suppress(OSError):
                    self.wfile.write(service.body)

            def log_message(self, *_: object) -> None:
                pass

        return Handler


@pytest.fixture
def service() -> Iterator[Answering]:
    made = Answering()
    thread = threading.Thread(target=made.server.serve_forever, args=(0.01,))
    thread.start()
    yield made
    made.hold.set()
    made.server.shutdown()
    made.server.server_close()
    thread.join()


@pytest.fixture
def settings(service: Answering, tmp_path: Path) -> Settings:
    return Settings("web-1", Cluster("production", "hello"), "127.0.0.1", service.server.server_port, tmp_path)


def event(*, is_set: bool) -> threading.Event:
    found = threading.Event()
    if is_set:
        found.set()
    return found


def install(settings: Settings, *measures: Measure, path: str | None = "/metrics.json") -> Manifest:
    """Lay out a version as the agent's release store does."""
    plain = manifest_of("1.0.0", b"x", Run("true", 8080), Check("/self_test"))
    manifest = replace(plain, metrics=measures, metrics_path=path)
    folder = settings.home / "artifacts" / "1.0.0"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(to_json(manifest))
    (settings.home / "current").symlink_to(Path("releases") / "1.0.0")
    return manifest


def test_the_metrics_that_the_manifest_names_are_published(service: Answering, settings: Settings) -> None:
    install(settings, QUEUE, HITS)
    service.answers({"queue": 3, "hits.per_minute": 7.5, "other": 1})
    sink = MemoryMetricSink()
    assert MetricsPublisher(settings, sink, event(is_set=True)).publish()
    assert [values for _, values in sink.readings] == [{"queue": 3.0, "hits.per_minute": 7.5}]


@pytest.mark.parametrize("value", ["3", True, None, [3], {"a": 3}, float("nan"), float("inf"), 10**200])
def test_a_value_that_is_not_a_number_is_skipped(service: Answering, settings: Settings, value: Any) -> None:
    install(settings, QUEUE, HITS)
    service.answers({"queue": value, "hits.per_minute": 1})
    sink = MemoryMetricSink()
    assert MetricsPublisher(settings, sink, event(is_set=True)).publish()
    assert [values for _, values in sink.readings] == [{"hits.per_minute": 1.0}]


@pytest.mark.parametrize(
    ("body", "status", "why"),
    [
        (b"not json", 200, "answered invalid JSON"),
        (b"[" * 50_000, 200, "answered invalid JSON"),
        ([1, 2], 200, "expected a JSON object of numbers"),
        ({"queue": 1}, 500, "answered 500, expected 200"),
        (
            b'{"queue": 1, "x": "' + b"y" * MAXIMUM_ANSWER_BYTES + b'"}',
            200,
            f"more than {MAXIMUM_ANSWER_BYTES} bytes",
        ),
    ],
)
def test_a_reading_that_fails_is_skipped_and_logged_once(
    service: Answering, settings: Settings, caplog: pytest.LogCaptureFixture, body: Any, status: int, why: str
) -> None:
    install(settings, QUEUE)
    sink = MemoryMetricSink()
    publisher = MetricsPublisher(settings, sink, event(is_set=True))
    service.answers(body, status)
    assert not publisher.publish()
    assert not publisher.publish()
    assert [why in record.getMessage() for record in caplog.records] == [True]
    service.answers({"queue": 1})
    assert publisher.publish()
    assert len(sink.readings) == 1


def test_a_reading_of_a_hanging_service_times_out(service: Answering, settings: Settings) -> None:
    install(settings, QUEUE)
    service.hold.clear()
    began = time.monotonic()
    assert not MetricsPublisher(settings, MemoryMetricSink(), event(is_set=True)).publish()
    assert time.monotonic() - began > 1.5


def test_nothing_is_read_without_a_version_or_without_metrics(settings: Settings) -> None:
    sink = MemoryMetricSink()
    assert not MetricsPublisher(settings, sink, event(is_set=True)).publish()
    install(settings, path=None)
    assert not MetricsPublisher(settings, sink, event(is_set=True)).publish()
    assert sink.readings == []


def test_publishing_resumes_after_an_outage_of_cloudwatch(service: Answering, settings: Settings) -> None:
    install(settings, QUEUE)
    service.answers({"queue": 1})
    sink = MemoryMetricSink()
    publisher = MetricsPublisher(settings, sink, event(is_set=True))
    sink.outage.down = True
    assert not publisher.publish()
    sink.outage.down = False
    assert publisher.publish()


def test_service_is_read_once_in_each_period_of_a_deployment(service: Answering, settings: Settings) -> None:
    install(settings, QUEUE)
    service.answers({"queue": 1})
    sink = MemoryMetricSink()
    publisher = MetricsPublisher(replace(settings, metrics_seconds=0.4), sink, event(is_set=True))
    publisher.start()
    try:
        for attempt in eventually():
            with attempt:
                assert len(sink.readings) >= 3
    finally:
        publisher.close()
    periods = [int(at.timestamp() / 0.4) for at, _ in sink.readings]
    assert len(set(periods)) == len(periods)


def test_a_service_that_starts_later_is_read_soon(service: Answering, settings: Settings) -> None:
    service.answers({"queue": 1})
    sink = MemoryMetricSink()
    publisher = MetricsPublisher(replace(settings, metrics_seconds=0.1), sink, event(is_set=True))
    publisher.start()
    time.sleep(0.3)
    install(settings, QUEUE)
    try:
        for attempt in eventually():
            with attempt:
                assert sink.readings
    finally:
        publisher.close()


def test_nothing_is_published_while_no_test_bed_needs_it(service: Answering, settings: Settings) -> None:
    install(settings, QUEUE)
    service.answers({"queue": 1})
    sink = MemoryMetricSink()
    publisher = MetricsPublisher(
        replace(settings, metrics_seconds=0.02), sink, event(is_set=False), rest_seconds=0.02
    )
    publisher.start()
    time.sleep(0.3)
    publisher.close()
    assert sink.readings == []


def test_metrics_at_rest_are_published_where_the_host_was_asked_for_them(
    service: Answering, settings: Settings
) -> None:
    install(settings, QUEUE)
    service.answers({"queue": 1})
    sink, asked = MemoryMetricSink(), replace(settings, metrics_seconds=0.02, metrics_always=True)
    publisher = MetricsPublisher(asked, sink, event(is_set=False), rest_seconds=0.02)
    publisher.start()
    try:
        for attempt in eventually():
            with attempt:
                assert len(sink.readings) >= 2
    finally:
        publisher.close()


def test_metrics_begin_within_a_period_of_a_test_bed(service: Answering, settings: Settings) -> None:
    install(settings, QUEUE)
    service.answers({"queue": 1})
    sink, measured = MemoryMetricSink(), event(is_set=False)
    publisher = MetricsPublisher(replace(settings, metrics_seconds=0.1), sink, measured)
    publisher.start()
    measured.set()
    try:
        for attempt in eventually():
            with attempt:
                assert sink.readings
    finally:
        publisher.close()

"""The calls of one agent at rest: its own pace of polls, reporter and gateways, over a client that counts.

Used by __main__.py. The clock is virtual, and the reports are those of a host that serves.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from apps.agent.aws import CloudWatchMetricSink, DynamoReports, DynamoTurns
from apps.agent.decide import Idle
from apps.agent.metrics import SLOW_PERIOD_SECONDS
from apps.agent.polling import PollPace
from apps.agent.reporter import Reporter
from apps.agent.settings import Settings
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.host import Feature, HostReport, SelfTest
from lifecycle.names import LEDGER

_BEGAN = datetime(2026, 11, 30, tzinfo=UTC)
_CLUSTER, _HOST = Cluster("production", "hello"), "i-0123456789abcdef0"
_KILOBYTE = 1024


@dataclass(frozen=True, slots=True)
class Calls:
    """The calls of one host in an hour at rest. A read of up to 4 KB is one unit, each KB of a write is one."""

    reads: float
    writes: float
    write_units: float
    report_bytes: int
    puts: float  # of metrics
    metrics: int


class _Counting:
    """A client of DynamoDB and CloudWatch that answers with nothing and counts."""

    def __init__(self) -> None:
        self.reads = 0
        self.items: list[int] = []
        self.puts = 0
        self.metrics: set[str] = set()

    def get_item(self, **_: Any) -> dict[str, Any]:
        self.reads += 1
        return {}

    def put_item(self, Item: Mapping[str, Mapping[str, str]], **_: Any) -> dict[str, Any]:  # noqa: N803 (boto3's name)
        self.items.append(size(Item))
        return {}

    def put_metric_data(self, MetricData: list[Mapping[str, Any]], **_: Any) -> dict[str, Any]:  # noqa: N803
        self.puts += 1
        self.metrics |= {each["MetricName"] for each in MetricData}
        return {}


def size(item: Mapping[str, Mapping[str, str]]) -> int:
    """Return an item's size in bytes as DynamoDB counts it: the names and the texts of its attributes."""
    return sum(
        len(name.encode()) + len(str(text).encode()) for name, value in item.items() for text in value.values()
    )


def counted(settings: Settings, measures: tuple[str, ...] = (), hours: float = 1.0) -> Calls:
    """Let one agent rest for so many hours, and count an hour's calls. `measures` are the service's own metrics."""
    client, now = _Counting(), 0.0
    turns, pace = DynamoTurns(client, LEDGER, _CLUSTER, _HOST), PollPace(settings.busy_seconds, settings.idle_seconds)
    reports = DynamoReports(client, LEDGER, _CLUSTER, _HOST)
    reporter = Reporter(
        reports, settings.heartbeat_seconds, lambda: _BEGAN + timedelta(seconds=now), elapsed=lambda: now
    )
    reporter.start()
    report = _report()
    while now < hours * 3600:
        turns.current()
        reporter.publish(replace(report, seen_at=_BEGAN + timedelta(seconds=now)))
        reporter.flush(10.0)
        now += pace.after(Idle("at rest"), None, _BEGAN + timedelta(seconds=now))
    reporter.close()
    if settings.metrics_always and measures:
        sink = CloudWatchMetricSink(lambda: client, _CLUSTER, _HOST, settings.metrics_seconds)
        for _ in range(round(hours * 3600 / max(settings.metrics_seconds, SLOW_PERIOD_SECONDS))):
            sink.put(dict.fromkeys(measures, 1.0), _BEGAN)
    return Calls(
        reads=client.reads / hours,
        writes=len(client.items) / hours,
        write_units=sum(math.ceil(each / _KILOBYTE) for each in client.items) / hours,
        report_bytes=max(client.items),
        puts=client.puts / hours,
        metrics=len(client.metrics),
    )


def _report() -> HostReport:
    """Return the report of a host that serves, with the longest of the usual values."""
    digest = "0" * 64
    return HostReport(
        host=_HOST,
        address="10.100.100.100",
        port=8080,
        zone="ap-southeast-2a",
        seen_at=_BEGAN,
        agent_started_at=_BEGAN,
        epoch=100,
        attempt=1,
        deployment="hello-production-20261130000000-abcd",
        installed="1.20.30",
        digest=digest,
        boot="0" * 32,
        running=True,
        self_test=SelfTest(True, digest, "0" * 32, ""),
        releases=("1.20.28", "1.20.29", "1.20.30"),
        skew=0.0,
        config=12,
        features=tuple(Feature),
        manifest=digest,
        newest=("1.20.30", "1.20.30-20261130000000-abcdef1"),
    )

"""The output of services, in memory and in the emulator's CloudWatch Logs: sent by an agent, read by a person."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from apps.agent.aws import CloudWatchLogSink
from apps.agent.log_lines import MAXIMUM_BATCH_EVENTS
from apps.agent.ports import LogSink
from apps.local.aws.clients import Aws
from lifecycle.application.ports.service_logs import ServiceLogs
from lifecycle.domain.errors import StoreRefused, Unknown
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.gateways.aws.service_logs import CloudWatchServiceLogs
from lifecycle.names import service_log_group
from tests.fakes.service_logs import MemoryLogSink, MemoryServiceLogs

_NUMBERS = itertools.count(1)
NOW = datetime.now(UTC).replace(microsecond=0)


@dataclass
class Written:
    """The logs of one cluster, a sink of each of its hosts, and a cluster without a log group."""

    logs: ServiceLogs
    cluster: Cluster
    old_cluster: Cluster
    sink: Callable[[Cluster, str], LogSink]

    def say(self, host: str, at: datetime, *texts: str, process: str = "") -> None:
        self.sink(self.cluster, host).put(texts, int(at.timestamp() * 1000), process)

    def texts(self, host: str = "", since: datetime = NOW - timedelta(hours=1)) -> list[str]:
        return [line.text for line in self.logs.read(self.cluster, host, since)]


@pytest.fixture(params=["memory", pytest.param("aws", marks=pytest.mark.emulator)])
def written(request: pytest.FixtureRequest) -> Written:
    cluster = Cluster("production", f"logs-{next(_NUMBERS)}")
    old = Cluster("staging", cluster.service)
    if request.param == "memory":
        fake = MemoryServiceLogs(old_stacks={old})
        return Written(fake, cluster, old, lambda of, host: MemoryLogSink(fake, of, host))
    aws: Aws = request.getfixturevalue("emulator")
    client = aws.client("logs")
    client.create_log_group(logGroupName=service_log_group(cluster.environment, cluster.service))
    return Written(
        CloudWatchServiceLogs(client), cluster, old, lambda of, host: CloudWatchLogSink(lambda: client, of, host)
    )


def test_lines_are_read_by_host_and_time(written: Written) -> None:
    written.say("host-1", NOW - timedelta(minutes=20), "old")
    written.say("host-1", NOW - timedelta(minutes=2), "one", "two")
    written.say("host-2", NOW - timedelta(minutes=1), "three")
    assert written.texts() == ["old", "one", "two", "three"]
    assert written.texts("host-1", NOW - timedelta(minutes=10)) == ["one", "two"]
    assert written.texts("host-2") == ["three"]
    (line,) = written.logs.read(written.cluster, "host-2", NOW - timedelta(hours=1))
    assert (line.at, line.host) == (NOW - timedelta(minutes=1), "host-2")


def test_lines_of_all_processes_of_a_host_are_read_in_order_with_their_names(written: Written) -> None:
    written.say("host-1", NOW - timedelta(seconds=3), "one")
    written.say("host-1", NOW - timedelta(seconds=2), "two", process="worker")
    written.say("host-10", NOW - timedelta(seconds=2), "other", process="worker")
    written.say("host-1", NOW - timedelta(seconds=1), "three")
    found = list(written.logs.read(written.cluster, "host-1", NOW - timedelta(hours=1)))
    assert [(line.host, line.process, line.text) for line in found] == [
        ("host-1", "", "one"),
        ("host-1", "worker", "two"),
        ("host-1", "", "three"),
    ]
    assert {
        (line.host, line.process) for line in written.logs.read(written.cluster, "", NOW - timedelta(hours=1))
    } == {
        ("host-1", ""),
        ("host-1", "worker"),
        ("host-10", "worker"),
    }


def test_every_line_has_an_id_of_its_own(written: Written) -> None:
    for host in ("host-1", "host-2"):
        written.say(host, NOW, "same", "same")
    found = list(written.logs.read(written.cluster, "", NOW - timedelta(hours=1)))
    assert len({line.id for line in found}) == 4


def test_a_host_that_sent_nothing_has_no_lines(written: Written) -> None:
    assert written.texts() == []
    assert written.texts("host-9") == []
    written.say("host-1", NOW, "one")
    assert written.texts("host-9") == []


def test_a_full_batch_is_taken_and_read_whole(written: Written) -> None:
    batch = [f"{n}" for n in range(MAXIMUM_BATCH_EVENTS)]
    written.say("host-1", NOW, *batch)
    assert sorted(written.texts(), key=int) == batch


@pytest.mark.parametrize("text", [" ", "\x1b[31mred\x00", "\u20ac \U0001f600 \ufffd", "x" * 200_000])
def test_any_text_is_read_as_it_was_sent(written: Written, text: str) -> None:
    written.say("host-1", NOW, text)
    assert written.texts() == [text]


def test_a_cluster_of_an_older_stack_refuses_both(written: Written) -> None:
    with pytest.raises(StoreRefused, match="stack again"):
        written.sink(written.old_cluster, "host-1").put(["one"], int(NOW.timestamp() * 1000))
    with pytest.raises(Unknown, match="log group"):
        list(written.logs.read(written.old_cluster, "", NOW))

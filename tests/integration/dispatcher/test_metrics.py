"""The dispatcher's metrics in CloudWatch, of real requests through Envoy."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from apps.local.dispatcher.metrics import FAILED
from lifecycle.gateways.aws.metrics import ANSWERED
from tests.integration.dispatcher import harness
from tests.integration.dispatcher.harness import Harness, Service, client
from tests.support.polling import PATIENCE_SECONDS, until

pytestmark = [pytest.mark.emulator, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def endpoint(emulator: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int, Path]]:
    folder = tmp_path_factory.mktemp("dispatcher")
    # The main group is published after every tenth period.
    options = ("--sync-interval", "0.5", "--metrics-period", "0.2")
    with harness.dispatcher(emulator, folder, *options) as (url, pid):
        yield url, pid, folder


@pytest.fixture
def services() -> Iterator[list[Service]]:
    with ExitStack() as running:
        yield [running.enter_context(Service(f"127.0.13.{n}").running()) for n in (1, 2)]


def published(harness_: Harness, group: str, name: str, stat: str = "Sum") -> list[float]:
    """Return the values of the last minute, one for each second."""
    named = {
        "TargetGroup": group.rpartition(":")[2],
        "LoadBalancer": harness_.load_balancer.partition("loadbalancer/")[2],
    }
    metric = {
        "Namespace": "AWS/ApplicationELB",
        "MetricName": name,
        "Dimensions": [{"Name": key, "Value": value} for key, value in named.items()],
    }
    query = {"Id": "m", "MetricStat": {"Metric": metric, "Period": 1, "Stat": stat}}
    now = datetime.now(UTC)
    found: Any = client("cloudwatch", harness_.emulator).get_metric_data(
        MetricDataQueries=[query], StartTime=now - timedelta(minutes=1), EndTime=now + timedelta(seconds=1)
    )
    return [float(value) for value in found["MetricDataResults"][0]["Values"]]


def divided(harness_: Harness, services: list[Service]) -> str:
    """Make a test bed's group, with a target of its own that gets half of the requests."""
    first, second = services
    bed = harness_.new_group(f"bed-{harness_.port}")
    parts = [{"TargetGroupArn": harness_.group, "Weight": 1}, {"TargetGroupArn": bed, "Weight": 0}]
    action = {"Type": "forward", "ForwardConfig": {"TargetGroups": parts}}
    harness_.elb.modify_listener(ListenerArn=harness_.listener, DefaultActions=[action])
    harness_.register(first)
    harness_.register(second, group=bed)
    # As on an ALB, its health is checked before it has any weight; the weight is set only afterwards.
    until(lambda: harness_.health(bed) == {second.address: "healthy"})
    until(lambda: harness_.health() == {first.address: "healthy"})
    assert [harness_.get() for _ in range(10)] == [(200, first.address)] * 10
    parts[1]["Weight"] = 1
    harness_.elb.modify_listener(ListenerArn=harness_.listener, DefaultActions=[action])
    until(lambda: harness_.get()[1] == second.address)
    return bed


def test_requests_answers_and_latency_are_published_by_target_group(
    harness_: Harness, services: list[Service]
) -> None:
    bed = divided(harness_, services)
    for _ in range(100):
        assert harness_.get()[0] == 200
    served = [service.served for service in services]
    until(lambda: sum(published(harness_, bed, "RequestCount")) == served[1])
    until(lambda: sum(published(harness_, harness_.group, "RequestCount")) == served[0])
    assert sum(published(harness_, bed, "HTTPCode_Target_2XX_Count")) == served[1]
    assert published(harness_, bed, "HTTPCode_Target_5XX_Count") == []
    slowest = published(harness_, bed, "TargetResponseTime", "p99")
    middle = published(harness_, bed, "TargetResponseTime", "p50")
    assert all(0 < half <= late < 1 for half, late in zip(middle, slowest, strict=True))
    assert sum(published(harness_, bed, "TargetResponseTime", "SampleCount")) == served[1]


def test_latency_is_the_targets_own(harness_: Harness, services: list[Service]) -> None:
    bed = divided(harness_, services)
    with ThreadPoolExecutor(8) as pool:
        slow = [pool.submit(harness_.get, "/slow") for _ in range(8)]
        assert services[1].entered.wait(PATIENCE_SECONDS)
        time.sleep(0.4)
        for service in services:
            service.release.set()
        assert {each.result()[0] for each in slow} == {200}
    until(lambda: max(published(harness_, bed, "TargetResponseTime", "Maximum"), default=0.0) >= 0.4)


def test_errors_are_published_as_the_targets_own(harness_: Harness, services: list[Service]) -> None:
    bed = divided(harness_, services)
    before = services[1].served
    statuses = [harness_.get("/broken")[0] for _ in range(20)]
    assert set(statuses) == {500}
    broken = services[1].served - before
    assert broken
    until(lambda: sum(published(harness_, bed, "HTTPCode_Target_5XX_Count")) == broken)


def test_request_of_a_worker_that_dies_counts_as_failed(harness_: Harness, services: list[Service]) -> None:
    bed = divided(harness_, services)
    before = services[1].served
    assert {harness_.get("/dies")[0] for _ in range(20)} == {503}
    lost = services[1].served - before
    assert lost
    until(lambda: sum(published(harness_, bed, "RequestCount")) == services[1].served)
    answered = sum(sum(published(harness_, bed, name)) for name in ANSWERED)
    assert services[1].served - answered == lost == sum(published(harness_, bed, FAILED))
    assert published(harness_, bed, "HTTPCode_Target_5XX_Count") == []


def test_host_counts_are_published_by_health(harness_: Harness, services: list[Service]) -> None:
    first, second = services
    harness_.register(first, second)
    until(lambda: set(harness_.health().values()) == {"healthy"})
    until(lambda: published(harness_, harness_.group, "HealthyHostCount", "Maximum")[-1:] == [2.0])
    second.healthy = False
    until(lambda: published(harness_, harness_.group, "UnHealthyHostCount", "Maximum")[-1:] == [1.0])

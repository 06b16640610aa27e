"""The metrics of a test bed and its control, in memory and in the emulator's CloudWatch.

In the emulator they are written as on a laptop: by the dispatcher's data and the agent's port.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import cycle
from types import SimpleNamespace
from typing import Protocol

import pytest

from apps.agent.aws import CloudWatchMetricSink
from apps.local.aws.clients import Aws
from apps.local.dispatcher import metrics as dispatcher_metrics
from apps.local.dispatcher.access_log import Answered
from apps.local.dispatcher.metrics import tallies
from lifecycle.application.ports.metrics import Metrics
from lifecycle.domain.analysis.built_in_metrics import BUILT_IN, ERROR_RATE, LATENCY_P50, LATENCY_P99
from lifecycle.domain.analysis.model import Better, Measure, Measurements, Scale, Series
from lifecycle.domain.errors import Unknown
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.target_group import Group
from lifecycle.gateways.aws.metrics import CloudWatchMetrics, balancer_dimensions
from lifecycle.servicefile.metrics import MAXIMUM_METRICS
from tests.contract.conftest import Gateways, with_test_bed
from tests.fakes.metrics import MemoryMetrics, Served

MINUTE = timedelta(minutes=1)
QUEUE = Measure("queue", Better.LOWER, Scale.RATIO, 0.1, 0.25)
BED, CONTROL = "host-1", "host-2"
# A whole minute of some hours ago.
BEGAN = datetime.fromtimestamp(datetime.now(UTC).timestamp() // 60 * 60, UTC) - timedelta(hours=3)
# Every answer of a target below 500 is a success.
SUCCESSES = (200, 204, 302, 404)


class Serve(Protocol):
    def __call__(
        self, group: Group, at: datetime, seconds: Sequence[float], errors: int, unanswered: int = 0
    ) -> None:
        """Add requests that took so many seconds, `errors` of them with 500, and unanswered ones."""
        ...


@dataclass
class Published:
    """The metrics of one service, and functions that publish them."""

    metrics: Metrics
    cluster: Cluster
    old_cluster: Cluster
    serve: Serve
    say: Callable[[str, str, datetime, float], None]

    def measurements(
        self, minutes: int, *measures: Measure, since: datetime = BEGAN, minute: timedelta = MINUTE
    ) -> Measurements:
        wanted = measures or BUILT_IN
        return self.metrics.measurements(self.cluster, BED, CONTROL, wanted, since, minutes, minute)

    def series(self, minutes: int, measure: Measure) -> Series:
        (found,) = self.measurements(minutes, measure).series
        return found


@pytest.fixture(params=["memory", pytest.param("aws", marks=pytest.mark.emulator)])
def published(request: pytest.FixtureRequest) -> Published:
    if request.param == "memory":
        return _memory()
    aws: Aws = request.getfixturevalue("emulator")
    return _aws(aws, with_test_bed(aws))


def _memory() -> Published:
    fake, cluster, old = MemoryMetrics(), Cluster("production", "hello"), Cluster("staging", "hello")
    fake.old_stacks.add(old)

    def serve(group: Group, at: datetime, seconds: Sequence[float], errors: int, unanswered: int = 0) -> None:
        fake.served[cluster, group].append(Served(at, tuple(seconds), errors, unanswered))

    def say(host: str, name: str, at: datetime, value: float) -> None:
        fake.published[cluster, host, name].append((at, value))

    return Published(fake, cluster, old, serve, say)


def _aws(aws: Aws, gateways: Gateways) -> Published:
    cloudwatch, ssm, cluster = aws.client("cloudwatch"), aws.client("ssm"), gateways.cluster

    def parameter(leaf: str) -> str:
        return str(ssm.get_parameter(Name=f"/lifecycle/{cluster}/{leaf}")["Parameter"]["Value"])

    def serve(group: Group, at: datetime, seconds: Sequence[float], errors: int, unanswered: int = 0) -> None:
        statuses = [500] * errors + [status for _, status in zip(seconds[errors:], cycle(SUCCESSES), strict=False)]
        answered = [Answered("hello", *each) for each in zip(statuses, seconds, strict=True)]
        answered += [Answered("hello", 503, None)] * unanswered
        named = dict(balancer_dimensions(parameter(f"{group}-group"), parameter("listener")))
        data = dispatcher_metrics.of_requests(tallies(answered)["hello"], named, at)
        cloudwatch.put_metric_data(Namespace=dispatcher_metrics.NAMESPACE, MetricData=data)

    def say(host: str, name: str, at: datetime, value: float) -> None:
        CloudWatchMetricSink(lambda: cloudwatch, cluster, host, 60).put({name: value}, at)

    return Published(CloudWatchMetrics(cloudwatch, ssm), cluster, gateways.old_cluster, serve, say)


def test_errors_are_a_proportion_of_each_minutes_requests(published: Published) -> None:
    published.serve(Group.CONTROL, BEGAN, [0.01] * 10, 0)
    published.serve(Group.TEST_BED, BEGAN, [0.01] * 10, 1)
    published.serve(Group.CONTROL, BEGAN + MINUTE, [0.01] * 20, 1)
    published.serve(Group.TEST_BED, BEGAN + MINUTE, [0.01] * 5, 5)
    assert published.series(2, ERROR_RATE) == Series(ERROR_RATE, (0.0, 0.05), (0.1, 1.0))
    measurements = published.measurements(2)
    assert (measurements.minutes, measurements.requests_control, measurements.requests_test_bed) == (
        2,
        30,
        15,
    )


def test_a_request_that_the_load_balancer_answers_for_the_target_is_an_error(published: Published) -> None:
    published.serve(Group.CONTROL, BEGAN, [0.01] * 8, 0)
    published.serve(Group.TEST_BED, BEGAN, [0.01] * 8, 1, unanswered=2)
    published.serve(Group.CONTROL, BEGAN + MINUTE, [0.01], 0, unanswered=1)
    published.serve(Group.TEST_BED, BEGAN + MINUTE, [], 0, unanswered=3)
    errors, half = published.measurements(2, ERROR_RATE, LATENCY_P50).series
    assert errors == Series(ERROR_RATE, (0.0, 0.5), (0.3, 1.0))
    assert half.test_bed == (0.01, None)


def test_latency_has_its_median_and_its_99th_percentile(published: Published) -> None:
    published.serve(Group.CONTROL, BEGAN, [0.001 * n for n in range(1, 22)], 0)
    published.serve(Group.TEST_BED, BEGAN, [0.002 * n for n in range(1, 22)], 0)
    half, slow = published.measurements(1, LATENCY_P50, LATENCY_P99).series
    assert [*half.control, *half.test_bed] == pytest.approx([0.011, 0.022])
    assert [*slow.control, *slow.test_bed] == pytest.approx([0.0208, 0.0416])


def test_a_minute_without_data_has_no_value(published: Published) -> None:
    published.serve(Group.CONTROL, BEGAN, [0.01], 0)
    published.serve(Group.CONTROL, BEGAN + 2 * MINUTE, [0.01], 1)
    published.serve(Group.TEST_BED, BEGAN + MINUTE, [0.02], 0)
    found = published.measurements(3, ERROR_RATE, LATENCY_P50)
    assert [each.control for each in found.series] == [(0.0, None, 1.0), (0.01, None, 0.01)]
    assert [each.test_bed for each in found.series] == [(None, 0.0, None), (None, 0.02, None)]


def test_a_services_own_metric_is_read_by_host(published: Published) -> None:
    for n, value in enumerate((3.0, 4.0)):
        published.say(CONTROL, "queue", BEGAN + n * MINUTE + timedelta(seconds=30), value)
    published.say(BED, "queue", BEGAN + timedelta(seconds=10), 7.0)
    published.say(BED, "queue", BEGAN + timedelta(seconds=50), 8.0)
    published.say("host-3", "queue", BEGAN, 100.0)
    published.say(BED, "other", BEGAN, 100.0)
    assert published.series(2, QUEUE) == Series(QUEUE, (3.0, 4.0), (7.5, None))


def test_the_minutes_are_whole_ones_after_it_began_and_no_more_than_were_asked_for(
    published: Published,
) -> None:
    for n in range(4):
        published.say(BED, "queue", BEGAN + n * MINUTE, float(n))
        published.serve(Group.TEST_BED, BEGAN + n * MINUTE, [0.01], 0)
    measurements = published.measurements(2, QUEUE, since=BEGAN + timedelta(seconds=20))
    assert (measurements.series[0].test_bed, measurements.requests_test_bed) == ((1.0, 2.0), 2)


def test_a_laptops_minute_may_be_a_second(published: Published) -> None:
    second = timedelta(seconds=1)
    for n in range(5):
        published.serve(Group.TEST_BED, BEGAN + n * second, [0.001] * 4, n % 2)
    measurements = published.measurements(5, ERROR_RATE, minute=second)
    assert measurements.series[0].test_bed == (0.0, 0.25, 0.0, 0.25, 0.0)


def test_a_minute_is_read_once_it_is_complete(published: Published) -> None:
    metrics = published.metrics
    late = [metrics.complete_minutes(BEGAN, BEGAN + n * MINUTE, MINUTE) for n in range(8)]
    assert late[0] == 0
    assert all(late[n] <= n for n in range(8))
    assert late[7] >= 5
    assert metrics.complete_minutes(BEGAN, BEGAN - MINUTE, MINUTE) == 0


def test_a_cluster_of_an_older_stack_has_nothing_to_tell(published: Published) -> None:
    with pytest.raises(Unknown, match="test bed of"):
        published.metrics.measurements(published.old_cluster, BED, CONTROL, BUILT_IN, BEGAN, 1, MINUTE)


def test_all_that_may_be_asked_fits_into_one_call() -> None:
    asked: list[dict[str, object]] = []

    def pages(**call: list[dict[str, object]]) -> list[object]:
        asked.extend(call["MetricDataQueries"])
        return []

    arn = "arn:aws:elasticloadbalancing:us-east-1:0:listener/app/lc-p-hello/1/2"
    cloudwatch = SimpleNamespace(get_paginator=lambda _: SimpleNamespace(paginate=pages))
    ssm = SimpleNamespace(get_parameter=lambda **named: {"Parameter": {"Value": f"{arn}{named['Name']}"}})
    own = [replace(QUEUE, name=f"m{n}") for n in range(MAXIMUM_METRICS)]
    metrics = CloudWatchMetrics(cloudwatch, ssm)
    metrics.measurements(Cluster("production", "hello"), BED, CONTROL, (*BUILT_IN, *own), BEGAN, 1440, MINUTE)
    # Of a side: the requests, three families of answers, two percentiles, and the service's own.
    assert len(asked) == 2 * (1 + 3 + 2 + MAXIMUM_METRICS) <= 500


def test_many_measures_over_many_minutes_are_read_at_once(published: Published) -> None:
    own = [Measure(f"m{n}", Better.LOWER, Scale.RATIO, 0.1, 0.25) for n in range(20)]
    for measure in own:
        published.say(BED, measure.name, BEGAN, float(measure.name[1:]))
    measurements = published.measurements(60, *BUILT_IN, *own)
    assert [each.test_bed[0] for each in measurements.series[3:]] == [float(n) for n in range(20)]
    assert {len(side) for each in measurements.series for side in (each.control, each.test_bed)} == {60}

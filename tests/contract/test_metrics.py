"""What a judge is told of a test bed and its control, in memory and by the emulator's CloudWatch.

On AWS's side the metrics are written by what writes them on a laptop: the dispatcher's data and the agent's port.
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
from apps.local.dispatcher import metrics as told
from apps.local.dispatcher.access_log import Answered
from apps.local.dispatcher.metrics import tallies
from lifecycle.application.ports.metrics import Metrics
from lifecycle.domain.analysis.built_in_metrics import BUILT_IN, ERROR_RATE, LATENCY_P50, LATENCY_P99
from lifecycle.domain.analysis.model import Better, Measure, Measurements, Scale, Series
from lifecycle.domain.errors import Unknown
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.target_group import Group
from lifecycle.gateways.aws.metrics import CloudWatchMetrics, balancer_dimensions
from lifecycle.gateways.memory.metrics import MemoryMetrics, Served
from lifecycle.servicefile.metrics import MAXIMUM_METRICS
from tests.contract.conftest import Gateways, with_test_bed

MINUTE = timedelta(minutes=1)
QUEUE = Measure("queue", Better.LOWER, Scale.RATIO, 0.1, 0.25)
BED, CONTROL = "host-1", "host-2"
# A whole minute of some hours ago.
BEGAN = datetime.fromtimestamp(datetime.now(UTC).timestamp() // 60 * 60, UTC) - timedelta(hours=3)
# Whatever a target answers below 500 is well.
WELL = (200, 204, 302, 404)


class Serve(Protocol):
    def __call__(
        self, group: Group, at: datetime, seconds: Sequence[float], errors: int, unanswered: int = 0
    ) -> None:
        """Requests answered after so many seconds, `errors` of them with 500, and others to which nobody did."""
        ...


@dataclass
class Told:
    """The metrics of one service, and how they are told."""

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
def told_of(request: pytest.FixtureRequest) -> Told:
    if request.param == "memory":
        return _memory()
    aws: Aws = request.getfixturevalue("emulator")
    return _aws(aws, with_test_bed(aws))


def _memory() -> Told:
    twin, cluster, old = MemoryMetrics(), Cluster("production", "hello"), Cluster("staging", "hello")
    twin.old_stacks.add(old)

    def serve(group: Group, at: datetime, seconds: Sequence[float], errors: int, unanswered: int = 0) -> None:
        twin.served[cluster, group].append(Served(at, tuple(seconds), errors, unanswered))

    def say(host: str, name: str, at: datetime, value: float) -> None:
        twin.published[cluster, host, name].append((at, value))

    return Told(twin, cluster, old, serve, say)


def _aws(aws: Aws, gateways: Gateways) -> Told:
    cloudwatch, ssm, cluster = aws.client("cloudwatch"), aws.client("ssm"), gateways.cluster

    def parameter(leaf: str) -> str:
        return str(ssm.get_parameter(Name=f"/lifecycle/{cluster}/{leaf}")["Parameter"]["Value"])

    def serve(group: Group, at: datetime, seconds: Sequence[float], errors: int, unanswered: int = 0) -> None:
        statuses = [500] * errors + [status for _, status in zip(seconds[errors:], cycle(WELL), strict=False)]
        answered = [Answered("hello", *each) for each in zip(statuses, seconds, strict=True)]
        answered += [Answered("hello", 503, None)] * unanswered
        named = dict(balancer_dimensions(parameter(f"{group}-group"), parameter("listener")))
        data = told.of_requests(tallies(answered)["hello"], named, at)
        cloudwatch.put_metric_data(Namespace=told.NAMESPACE, MetricData=data)

    def say(host: str, name: str, at: datetime, value: float) -> None:
        CloudWatchMetricSink(lambda: cloudwatch, cluster, host, 60).put({name: value}, at)

    return Told(CloudWatchMetrics(cloudwatch, ssm), cluster, gateways.old_cluster, serve, say)


def test_errors_are_a_share_of_the_requests_of_each_minute(told_of: Told) -> None:
    told_of.serve(Group.CONTROL, BEGAN, [0.01] * 10, 0)
    told_of.serve(Group.TEST_BED, BEGAN, [0.01] * 10, 1)
    told_of.serve(Group.CONTROL, BEGAN + MINUTE, [0.01] * 20, 1)
    told_of.serve(Group.TEST_BED, BEGAN + MINUTE, [0.01] * 5, 5)
    assert told_of.series(2, ERROR_RATE) == Series(ERROR_RATE, (0.0, 0.05), (0.1, 1.0))
    measurements = told_of.measurements(2)
    assert (measurements.minutes, measurements.requests_control, measurements.requests_test_bed) == (
        2,
        30,
        15,
    )


def test_a_request_that_the_load_balancer_answers_in_the_targets_place_is_an_error(told_of: Told) -> None:
    told_of.serve(Group.CONTROL, BEGAN, [0.01] * 8, 0)
    told_of.serve(Group.TEST_BED, BEGAN, [0.01] * 8, 1, unanswered=2)
    told_of.serve(Group.CONTROL, BEGAN + MINUTE, [0.01], 0, unanswered=1)
    told_of.serve(Group.TEST_BED, BEGAN + MINUTE, [], 0, unanswered=3)
    errors, half = told_of.measurements(2, ERROR_RATE, LATENCY_P50).series
    assert errors == Series(ERROR_RATE, (0.0, 0.5), (0.3, 1.0))
    assert half.test_bed == (0.01, None)


def test_latency_is_told_by_its_median_and_its_slowest_hundredth(told_of: Told) -> None:
    told_of.serve(Group.CONTROL, BEGAN, [0.001 * n for n in range(1, 22)], 0)
    told_of.serve(Group.TEST_BED, BEGAN, [0.002 * n for n in range(1, 22)], 0)
    half, slow = told_of.measurements(1, LATENCY_P50, LATENCY_P99).series
    assert [*half.control, *half.test_bed] == pytest.approx([0.011, 0.022])
    assert [*slow.control, *slow.test_bed] == pytest.approx([0.0208, 0.0416])


def test_a_minute_in_which_nothing_was_told_has_no_value(told_of: Told) -> None:
    told_of.serve(Group.CONTROL, BEGAN, [0.01], 0)
    told_of.serve(Group.CONTROL, BEGAN + 2 * MINUTE, [0.01], 1)
    told_of.serve(Group.TEST_BED, BEGAN + MINUTE, [0.02], 0)
    found = told_of.measurements(3, ERROR_RATE, LATENCY_P50)
    assert [each.control for each in found.series] == [(0.0, None, 1.0), (0.01, None, 0.01)]
    assert [each.test_bed for each in found.series] == [(None, 0.0, None), (None, 0.02, None)]


def test_a_services_own_metric_is_told_by_host(told_of: Told) -> None:
    for n, value in enumerate((3.0, 4.0)):
        told_of.say(CONTROL, "queue", BEGAN + n * MINUTE + timedelta(seconds=30), value)
    told_of.say(BED, "queue", BEGAN + timedelta(seconds=10), 7.0)
    told_of.say(BED, "queue", BEGAN + timedelta(seconds=50), 8.0)
    told_of.say("host-3", "queue", BEGAN, 100.0)
    told_of.say(BED, "other", BEGAN, 100.0)
    assert told_of.series(2, QUEUE) == Series(QUEUE, (3.0, 4.0), (7.5, None))


def test_the_minutes_are_whole_ones_after_it_began_and_no_more_than_were_asked_for(told_of: Told) -> None:
    for n in range(4):
        told_of.say(BED, "queue", BEGAN + n * MINUTE, float(n))
        told_of.serve(Group.TEST_BED, BEGAN + n * MINUTE, [0.01], 0)
    measurements = told_of.measurements(2, QUEUE, since=BEGAN + timedelta(seconds=20))
    assert (measurements.series[0].test_bed, measurements.requests_test_bed) == ((1.0, 2.0), 2)


def test_a_laptops_minute_may_be_a_second(told_of: Told) -> None:
    second = timedelta(seconds=1)
    for n in range(5):
        told_of.serve(Group.TEST_BED, BEGAN + n * second, [0.001] * 4, n % 2)
    measurements = told_of.measurements(5, ERROR_RATE, minute=second)
    assert measurements.series[0].test_bed == (0.0, 0.25, 0.0, 0.25, 0.0)


def test_a_minute_is_read_when_it_has_been_told_to_its_end(told_of: Told) -> None:
    metrics = told_of.metrics
    late = [metrics.complete_minutes(BEGAN, BEGAN + n * MINUTE, MINUTE) for n in range(8)]
    assert late[0] == 0
    assert all(late[n] <= n for n in range(8))
    assert late[7] >= 5
    assert metrics.complete_minutes(BEGAN, BEGAN - MINUTE, MINUTE) == 0


def test_a_cluster_of_an_older_stack_has_nothing_to_tell(told_of: Told) -> None:
    with pytest.raises(Unknown, match="there is no test bed of"):
        told_of.metrics.measurements(told_of.old_cluster, BED, CONTROL, BUILT_IN, BEGAN, 1, MINUTE)


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


def test_many_measures_over_many_minutes_are_read_at_once(told_of: Told) -> None:
    own = [Measure(f"m{n}", Better.LOWER, Scale.RATIO, 0.1, 0.25) for n in range(20)]
    for measure in own:
        told_of.say(BED, measure.name, BEGAN, float(measure.name[1:]))
    measurements = told_of.measurements(60, *BUILT_IN, *own)
    assert [each.test_bed[0] for each in measurements.series[3:]] == [float(n) for n in range(20)]
    assert {len(side) for each in measurements.series for side in (each.control, each.test_bed)} == {60}

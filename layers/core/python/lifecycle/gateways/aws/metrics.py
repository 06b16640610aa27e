"""CloudWatch's metrics of a test bed and its control: the load balancer's, and those of the hosts' agents.

One GetMetricData call reads all measures of both hosts, unless CloudWatch returns several pages. A call takes
at most 500 queries, and a service has at most 20 metrics of its own.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from lifecycle import names
from lifecycle.application.ports.metrics import first_minute, whole_minutes
from lifecycle.domain.analysis.built_in_metrics import ERROR_RATE, LATENCY_P50, LATENCY_P99
from lifecycle.domain.analysis.model import Measure, Measurements, Series
from lifecycle.domain.errors import Unknown
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.host import host_name
from lifecycle.domain.fleet.target_group import Group
from lifecycle.gateways.aws.errors import code_of, translated

# The answers that count as successes. All other requests of a target are errors: its own 5xx, and the 502 or
# 504 that an ALB sends for a target that dies or hangs. HTTPCode_ELB_5XX_Count counts the latter by load
# balancer only, but RequestCount has every request for which a target was chosen.
ANSWERED = tuple(names.answers(family) for family in (2, 3, 4))

# CloudWatch still adds to its newest minutes: those of a load balancer are complete one to two minutes late.
LATE_MINUTES = 2

_PERCENTILES = {LATENCY_P50.name: "p50", LATENCY_P99.name: "p99"}
_LEAVES = {Group.TEST_BED: names.TEST_BED_GROUP, Group.CONTROL: names.CONTROL_GROUP}


@dataclass(frozen=True, slots=True)
class Query:
    """One metric and its statistic."""

    namespace: str
    name: str
    stat: str
    dimensions: tuple[tuple[str, str], ...]


@translated
class CloudWatchMetrics:
    """Implements the port Metrics."""

    def __init__(self, cloudwatch: Any, ssm: Any) -> None:
        self._cloudwatch = cloudwatch
        self._ssm = ssm

    def complete_minutes(self, since: datetime, now: datetime, minute: timedelta) -> int:
        return whole_minutes(since, now, minute, LATE_MINUTES)

    def measurements(
        self,
        cluster: Cluster,
        test_host: str,
        control_host: str,
        measures: Sequence[Measure],
        since: datetime,
        minutes: int,
        minute: timedelta,
    ) -> Measurements:
        for host in (test_host, control_host):
            host_name(host)
        sides = (
            _Side(cluster, control_host, self._group_dimensions(cluster, Group.CONTROL)),
            _Side(cluster, test_host, self._group_dimensions(cluster, Group.TEST_BED)),
        )
        wanted = {query for side in sides for query in side.queries(measures)}
        begin = first_minute(since, minute)
        found = self._read(sorted(wanted, key=str), begin, minutes, minute)
        series = [
            Series(measure, *(tuple(map(side.per_minute(measure, found).get, range(minutes))) for side in sides))
            for measure in measures
        ]
        control, test_bed = (round(sum(side.requests(found).values())) for side in sides)
        return Measurements(tuple(series), minutes, control, test_bed)

    def _read(
        self, queries: Sequence[Query], begin: datetime, minutes: int, minute: timedelta
    ) -> dict[Query, dict[int, float]]:
        """Return the values of each query by the number of their minute."""
        by_id = dict(zip((f"m{n}" for n in count()), queries, strict=False))
        found: dict[Query, dict[int, float]] = {query: {} for query in queries}
        if minutes < 1:
            return found  # CloudWatch refuses a range of no time
        metric_queries = [_metric_query(name, query, minute) for name, query in by_id.items()]
        pages = self._cloudwatch.get_paginator("get_metric_data").paginate(
            MetricDataQueries=metric_queries, StartTime=begin, EndTime=begin + minutes * minute
        )
        for page in pages:
            for result in page["MetricDataResults"]:
                values = found[by_id[result["Id"]]]
                for at, value in zip(result["Timestamps"], result["Values"], strict=True):
                    values[(at - begin) // minute] = float(value)
        return found

    def _group_dimensions(self, cluster: Cluster, group: Group) -> tuple[tuple[str, str], ...]:
        """Return the dimensions of the metrics that an ALB has of one target group."""
        listener = self._parameter(cluster, names.LISTENER)
        name = self._parameter(cluster, _LEAVES[group])
        return balancer_dimensions(name, listener)

    def _parameter(self, cluster: Cluster, leaf: str) -> str:
        # It is read each time: a stack that was deployed again has other ARNs, and the former ones have no metrics.
        name = names.parameter(cluster.environment, cluster.service, leaf)
        try:
            return str(self._ssm.get_parameter(Name=name)["Parameter"]["Value"])
        except Exception as error:
            if code_of(error) != "ParameterNotFound":
                raise
            hint = f"Deploy its stack first, which writes the parameter {name}."
            raise Unknown("test bed", hint=hint, of=str(cluster)) from error


@dataclass(frozen=True, slots=True)
class _Side:
    """A test bed or its control: its host, and the dimensions of its target group."""

    cluster: Cluster
    host: str
    group: tuple[tuple[str, str], ...]

    def queries(self, measures: Sequence[Measure]) -> Iterator[Query]:
        yield self._of_group(names.REQUESTS, "Sum")
        for measure in measures:
            yield from self._queries(measure)

    def requests(self, found: Mapping[Query, Mapping[int, float]]) -> Mapping[int, float]:
        return found[self._of_group(names.REQUESTS, "Sum")]

    def per_minute(self, measure: Measure, found: Mapping[Query, Mapping[int, float]]) -> Mapping[int, float]:
        """Return the measure's value in each minute that has one."""
        if measure.name != ERROR_RATE.name:
            (query,) = self._queries(measure)
            return found[query]
        answered = [found[query] for query in self._queries(measure)]
        return {
            n: _failed(requests, [each.get(n, 0.0) for each in answered])
            for n, requests in self.requests(found).items()
            if requests > 0
        }

    def _queries(self, measure: Measure) -> list[Query]:
        if measure.name == ERROR_RATE.name:
            return [self._of_group(name, "Sum") for name in ANSWERED]
        if stat := _PERCENTILES.get(measure.name):
            return [self._of_group(names.LATENCY, stat)]
        dimensions = host_dimensions(self.cluster, self.host)
        namespace = names.host_namespace(self.cluster.environment, self.cluster.service)
        return [Query(namespace, measure.name, "Average", dimensions)]

    def _of_group(self, name: str, stat: str) -> Query:
        return Query(names.BALANCER_NAMESPACE, name, stat, self.group)


def _failed(requests: float, answered: Sequence[float]) -> float:
    """Return the proportion, in [0, 1], of a minute's requests that were not answered with 2xx, 3xx or 4xx.

    `requests` is more than 0. In a minute with requests, a family of answers without a value counts as 0. If
    CloudWatch counts answers in a later minute than their requests, the surplus of answers is no error.
    """
    return max(0.0, requests - sum(answered)) / requests


def balancer_dimensions(group_arn: str, listener_arn: str) -> tuple[tuple[str, str], ...]:
    """Return the ends of the two ARNs, `app/<name>/<id>` and `targetgroup/<name>/<id>`, as dimensions."""
    listener = listener_arn.partition(":listener/")[2].rpartition("/")[0]
    return (("LoadBalancer", listener), ("TargetGroup", group_arn.rpartition(":")[2]))


def host_dimensions(cluster: Cluster, host: str) -> tuple[tuple[str, str], ...]:
    """Return the dimensions of the metrics that a host's agent publishes."""
    return (("Environment", cluster.environment), ("Host", host))


def _metric_query(name: str, query: Query, minute: timedelta) -> dict[str, Any]:
    metric = {
        "Namespace": query.namespace,
        "MetricName": query.name,
        "Dimensions": [{"Name": key, "Value": value} for key, value in query.dimensions],
    }
    period = max(1, round(minute.total_seconds()))
    return {"Id": name, "MetricStat": {"Metric": metric, "Period": period, "Stat": query.stat}}

"""CloudWatch: what the load balancer and the hosts' agents told of a test bed and its control.

One GetMetricData call for both hosts and all measures, more only where CloudWatch wants them; at most 500 queries
fit into one, a service has 20 metrics of its own.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Any, TypeAlias

from lifecycle import names
from lifecycle.application.ports.metrics import first_minute, whole_minutes
from lifecycle.domain.analysis.built_in_metrics import ERROR_RATE, LATENCY_P50, LATENCY_P99
from lifecycle.domain.analysis.model import Measure, Measurements, Series
from lifecycle.domain.errors import Unknown
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.target_group import Group

# What a target answers well. All else of its requests is an error: its own 5xx, and the 502 or 504 that an ALB
# answers in the place of one that dies or hangs. These are told by load balancer only (HTTPCode_ELB_5XX_Count), but
# RequestCount has every request for which a target was chosen.
ANSWERED = tuple(names.answers(family) for family in (2, 3, 4))

# CloudWatch goes on filling its newest minutes: a load balancer's come one to two minutes late.
LATE_MINUTES = 2

_PERCENTILES = {LATENCY_P50.name: "p50", LATENCY_P99.name: "p99"}
_LEAVES = {Group.TEST_BED: names.TEST_BED_GROUP, Group.CONTROL: names.CONTROL_GROUP}
Minutes: TypeAlias = tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Query:
    """One metric and its statistic."""

    namespace: str
    name: str
    stat: str
    dimensions: tuple[tuple[str, str], ...]


class CloudWatchMetrics:
    """Implements the port Metrics."""

    def __init__(self, cloudwatch: Any, ssm: Any) -> None:
        self._cloudwatch = cloudwatch
        self._ssm = ssm
        self._named: dict[str, str] = {}

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
        sides = (
            _Side(cluster, control_host, self._balancer(cluster, Group.CONTROL)),
            _Side(cluster, test_host, self._balancer(cluster, Group.TEST_BED)),
        )
        wanted = {query for side in sides for query in side.queries(measures)}
        begin = first_minute(since, minute)
        found = self._read(sorted(wanted, key=str), begin, minutes, minute)
        series = [
            Series(measure, *(_values(side.per_minute(measure, found), minutes) for side in sides))
            for measure in measures
        ]
        control, test_bed = (round(sum(side.requests(found).values())) for side in sides)
        return Measurements(tuple(series), minutes, control, test_bed)

    def _read(
        self, queries: Sequence[Query], begin: datetime, minutes: int, minute: timedelta
    ) -> dict[Query, dict[int, float]]:
        """Of each query, the values by the number of their minute."""
        by_id = dict(zip((f"m{n}" for n in count()), queries, strict=False))
        found: dict[Query, dict[int, float]] = {query: {} for query in queries}
        asked = [_asked(name, query, minute) for name, query in by_id.items()]
        pages = self._cloudwatch.get_paginator("get_metric_data").paginate(
            MetricDataQueries=asked, StartTime=begin, EndTime=begin + minutes * minute
        )
        for page in pages:
            for result in page["MetricDataResults"]:
                values = found[by_id[result["Id"]]]
                for at, value in zip(result["Timestamps"], result["Values"], strict=True):
                    values[(at - begin) // minute] = float(value)
        return found

    def _balancer(self, cluster: Cluster, group: Group) -> tuple[tuple[str, str], ...]:
        """The dimensions by which an ALB tells of one target group."""
        listener = self._parameter(cluster, names.LISTENER)
        name = self._parameter(cluster, _LEAVES[group])
        return balancer_dimensions(name, listener)

    def _parameter(self, cluster: Cluster, leaf: str) -> str:
        name = names.parameter(cluster.environment, cluster.service, leaf)
        if name not in self._named:
            try:
                self._named[name] = self._ssm.get_parameter(Name=name)["Parameter"]["Value"]
            except self._ssm.exceptions.ParameterNotFound as error:
                hint = f"deploy its stack first, which writes the parameter {name}"
                raise Unknown("test bed", f"of {cluster}", hint) from error
        return self._named[name]


@dataclass(frozen=True, slots=True)
class _Side:
    """A test bed, or its control: the host and its target group."""

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
        """The measure's value in each minute in which there was one."""
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
        return [Query(names.host_namespace(self.cluster.service), measure.name, "Average", dimensions)]

    def _of_group(self, name: str, stat: str) -> Query:
        return Query(names.BALANCER_NAMESPACE, name, stat, self.group)


def _failed(requests: float, answered: Sequence[float]) -> float:
    """The share of a minute's requests, more than 0, that was not answered with 2xx, 3xx or 4xx; in [0, 1].

    A family of answers that has no value in a minute with requests was never answered in it: 0. More answers than
    requests, should CloudWatch ever tell the two in different minutes, are no errors.
    """
    return max(0.0, requests - sum(answered)) / requests


def balancer_dimensions(group_arn: str, listener_arn: str) -> tuple[tuple[str, str], ...]:
    """`targetgroup/<name>/<id>` and `app/<name>/<id>`, the ends of the two ARNs."""
    listener = listener_arn.partition(":listener/")[2].rpartition("/")[0]
    return (("LoadBalancer", listener), ("TargetGroup", group_arn.rpartition(":")[2]))


def host_dimensions(cluster: Cluster, host: str) -> tuple[tuple[str, str], ...]:
    """What tells one host's metrics from another's."""
    return (("Environment", cluster.environment), ("Host", host))


def _asked(name: str, query: Query, minute: timedelta) -> dict[str, Any]:
    metric = {
        "Namespace": query.namespace,
        "MetricName": query.name,
        "Dimensions": [{"Name": key, "Value": value} for key, value in query.dimensions],
    }
    period = max(1, round(minute.total_seconds()))
    return {"Id": name, "MetricStat": {"Metric": metric, "Period": period, "Stat": query.stat}}


def _values(by_minute: Mapping[int, float], minutes: int) -> Minutes:
    return tuple(by_minute.get(n) for n in range(minutes))

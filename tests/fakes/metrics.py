"""Metrics in memory: a test adds the requests of target groups and the values of hosts."""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from lifecycle.application.ports.metrics import first_minute, whole_minutes
from lifecycle.domain.analysis.built_in_metrics import ERROR_RATE, LATENCY_P50, LATENCY_P99
from lifecycle.domain.analysis.model import Measure, Measurements, Series
from lifecycle.domain.errors import Unknown
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.host import host_name
from lifecycle.domain.fleet.target_group import Group


@dataclass(frozen=True, slots=True)
class Served:
    """A target group's requests at one time: each answer's seconds, the failures, the unanswered ones."""

    at: datetime
    seconds: tuple[float, ...]
    errors: int = 0
    unanswered: int = 0

    @property
    def requests(self) -> int:
        return len(self.seconds) + self.unanswered


@dataclass
class MemoryMetrics:
    """Metrics of `served` requests and `published` values; a cluster in `old_stacks` has no test bed."""

    served: dict[tuple[Cluster, Group], list[Served]] = field(default_factory=lambda: defaultdict(list))
    published: dict[tuple[Cluster, str, str], list[tuple[datetime, float]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    old_stacks: set[Cluster] = field(default_factory=set)

    def complete_minutes(self, since: datetime, now: datetime, minute: timedelta) -> int:
        return whole_minutes(since, now, minute, 0)

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
        if cluster in self.old_stacks:
            raise Unknown("test bed", hint="Deploy its stack first.", of=str(cluster))
        for host in (test_host, control_host):
            host_name(host)
        begin = first_minute(since, minute)
        sides = ((Group.CONTROL, control_host), (Group.TEST_BED, test_host))

        def number(at: datetime) -> int | None:
            """Return the number of the minute; None outside of the requested minutes."""
            place = (at - begin) // minute
            return place if 0 <= place < minutes else None

        series = [
            Series(measure, *(self._values(measure, cluster, side, minutes, number) for side in sides))
            for measure in measures
        ]
        control, test_bed = (
            sum(each.requests for each in self.served[cluster, group] if number(each.at) is not None)
            for group, _ in sides
        )
        return Measurements(tuple(series), minutes, control, test_bed)

    def _values(
        self,
        measure: Measure,
        cluster: Cluster,
        side: tuple[Group, str],
        minutes: int,
        number: Callable[[datetime], int | None],
    ) -> tuple[float | None, ...]:
        group, host = side
        stat = _STATS.get(measure.name)
        if stat is None:
            values_at = self.published[cluster, host, measure.name]
            numbers = [[value for at, value in values_at if number(at) == n] for n in range(minutes)]
            return tuple(sum(values) / len(values) if values else None for values in numbers)
        served = self.served[cluster, group]
        answered = [[each for each in served if number(each.at) == n] for n in range(minutes)]
        return tuple(stat(each) for each in answered)


def _errors(served: Sequence[Served]) -> float | None:
    requests = sum(each.requests for each in served)
    return sum(each.errors + each.unanswered for each in served) / requests if requests else None


def _percentile(fraction: float) -> Callable[[Sequence[Served]], float | None]:
    """Return a percentile that is linear between the two nearest ranks, as CloudWatch's of few values is."""

    def of(served: Sequence[Served]) -> float | None:
        ordered = sorted(value for each in served for value in each.seconds)
        if not ordered:
            return None
        rank = fraction * (len(ordered) - 1)
        low, high = ordered[math.floor(rank)], ordered[math.ceil(rank)]
        return low + (rank - math.floor(rank)) * (high - low)

    return of


_STATS: dict[str, Callable[[Sequence[Served]], float | None]] = {
    ERROR_RATE.name: _errors,
    LATENCY_P50.name: _percentile(0.5),
    LATENCY_P99.name: _percentile(0.99),
}

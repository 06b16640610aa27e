"""An ALB's CloudWatch metrics of a target group, computed from the requests that Envoy logged. Pure.

Names, units and counting rules are those of AWS/ApplicationELB. An answer counts for the target only if the target
gave it. If the load balancer answers in its place, the target group has a request without an answer.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any, TypeAlias

from apps.local.dispatcher.access_log import Answered
from lifecycle import names

NAMESPACE = names.BALANCER_NAMESPACE
# CloudWatch takes 150 values per datum; the emulator keeps each value as a point of its own.
MOST_VALUES = 30
# No ALB has this metric: the emulator refuses alarms on the difference of metrics (infra/constructs/alarms.py).
FAILED = names.FAILED_REQUESTS
# The slowest 2 % are grouped more finely, because p99 is among them.
_TAIL = 0.02
# An ALB counts no 1xx: a WebSocket's 101 is a request without an answer.
_FAMILIES = (2, 3, 4, 5)
Datum: TypeAlias = dict[str, Any]


@dataclass(slots=True)
class Tally:
    """The requests of one target group in one period."""

    requests: int = 0
    unreachable: int = 0
    answers: Counter[int] = field(default_factory=Counter)  # by the first digit of the status
    seconds: list[float] = field(default_factory=list)

    def add(self, answered: Answered) -> None:
        self.requests += 1
        self.unreachable += answered.unreachable
        if answered.seconds is not None:
            self.answers[answered.status // 100] += 1
            self.seconds.append(answered.seconds)

    @property
    def failed(self) -> int:
        """Return the number of requests that were not answered with 2xx, 3xx or 4xx."""
        return self.requests - sum(self.answers[family] for family in (2, 3, 4))

    def join(self, other: "Tally") -> None:
        """Add the requests of a later period."""
        self.requests += other.requests
        self.unreachable += other.unreachable
        self.answers += other.answers
        self.seconds += other.seconds


@dataclass(frozen=True, slots=True)
class Hosts:
    """The numbers of a group's healthy and unhealthy targets."""

    healthy: int
    unhealthy: int


def tallies(answered: Iterable[Answered]) -> dict[str, Tally]:
    """Count the requests by Envoy's name of their target group."""
    found: dict[str, Tally] = {}
    for each in answered:
        found.setdefault(each.cluster, Tally()).add(each)
    return found


def of_requests(tally: Tally, dimensions: Mapping[str, str], at: datetime) -> list[Datum]:
    """Return the data of a period that began `at`; as on an ALB, a count of zero is left out."""
    counts = {
        names.REQUESTS: tally.requests,
        "TargetConnectionErrorCount": tally.unreachable,
        **{names.answers(family): tally.answers[family] for family in _FAMILIES},
        FAILED: tally.failed,
    }
    data = [_count(name, dimensions, at, count) for name, count in counts.items() if count]
    if tally.seconds:
        values, times = condensed(tally.seconds)
        whole = {"MetricName": names.LATENCY, "Unit": "Seconds", "Values": values, "Counts": times}
        data.append({**whole, "Dimensions": _named(dimensions), "Timestamp": at})
    return data


def of_hosts(hosts: Hosts, dimensions: Mapping[str, str], at: datetime) -> list[Datum]:
    """Return the data of a group's targets, which are published without requests too."""
    return [
        _count(names.HEALTHY_HOSTS, dimensions, at, hosts.healthy),
        _count(names.UNHEALTHY_HOSTS, dimensions, at, hosts.unhealthy),
    ]


def condensed(seconds: Sequence[float], most: int = MOST_VALUES) -> tuple[list[float], list[int]]:
    """Reduce to at most `most` values with their counts: means of neighbours, finest among the slow ones."""
    ordered = sorted(seconds)
    slow = max(1, round(len(ordered) * _TAIL))
    tail = min(slow, most // 3)
    parts = [*_cut(ordered[:-slow], most - tail), *_cut(ordered[-slow:], tail)]
    return [sum(part) / len(part) for part in parts], [len(part) for part in parts]


def _cut(ordered: Sequence[float], into: int) -> list[Sequence[float]]:
    """Cut into parts of nearly the same length, none of them empty."""
    bounds = [len(ordered) * n // into for n in range(into + 1)]
    return [ordered[low:high] for low, high in pairwise(bounds) if high > low]


def _count(name: str, dimensions: Mapping[str, str], at: datetime, value: int) -> Datum:
    named = {"MetricName": name, "Dimensions": _named(dimensions)}
    return {**named, "Timestamp": at, "Unit": "Count", "Value": float(value)}


def _named(dimensions: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in dimensions.items()]

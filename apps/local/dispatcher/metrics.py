"""What an ALB tells CloudWatch of a target group, made of the requests that Envoy logged. Pure.

Names, units and what is counted are those of AWS/ApplicationELB: an answer counts as the target's own only when the
target gave it; what the load balancer answers in its place is told by target group as a request without an answer.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any, TypeAlias

from apps.local.dispatcher.access_log import Answered

NAMESPACE = "AWS/ApplicationELB"
# CloudWatch takes 150 values a datum; the emulator keeps each value as a point of its own.
MOST_VALUES = 30
# No ALB has this one: the emulator refuses alarms on what is left of several metrics (infra/constructs/alarms.py).
FAILED = "FailedRequestCount"
# The slowest two in a hundred are told more finely: p99 is among them.
_TAIL = 0.02
# An ALB tells no 1xx: a WebSocket's 101 is a request and no answer.
_FAMILIES = (2, 3, 4, 5)
Datum: TypeAlias = dict[str, Any]


@dataclass(slots=True)
class Tally:
    """The requests of one target group in one period."""

    requests: int = 0
    unreachable: int = 0
    answers: dict[int, int] = field(default_factory=dict)  # by the first digit of the status
    seconds: list[float] = field(default_factory=list)

    def add(self, answered: Answered) -> None:
        self.requests += 1
        self.unreachable += answered.unreachable
        if answered.seconds is not None:
            family = answered.status // 100
            self.answers[family] = self.answers.get(family, 0) + 1
            self.seconds.append(answered.seconds)

    @property
    def failed(self) -> int:
        """The requests that were answered with none of 2xx, 3xx and 4xx."""
        return self.requests - sum(self.answers.get(family, 0) for family in (2, 3, 4))

    def join(self, other: "Tally") -> None:
        """Count the requests of a later period too."""
        self.requests += other.requests
        self.unreachable += other.unreachable
        for family, count in other.answers.items():
            self.answers[family] = self.answers.get(family, 0) + count
        self.seconds += other.seconds


@dataclass(frozen=True, slots=True)
class Hosts:
    """How many targets of a group are healthy and unhealthy."""

    healthy: int
    unhealthy: int


def tallies(answered: Iterable[Answered]) -> dict[str, Tally]:
    """The requests by Envoy's name of their target group."""
    found: dict[str, Tally] = {}
    for each in answered:
        found.setdefault(each.cluster, Tally()).add(each)
    return found


def of_requests(tally: Tally, dimensions: Mapping[str, str], at: datetime) -> list[Datum]:
    """What is told of a period that began `at`: as on an ALB, nothing of what did not happen."""
    counts = {
        "RequestCount": tally.requests,
        "TargetConnectionErrorCount": tally.unreachable,
        **{f"HTTPCode_Target_{family}XX_Count": tally.answers.get(family, 0) for family in _FAMILIES},
        FAILED: tally.failed,
    }
    data = [_datum(name, dimensions, at, "Count", count) for name, count in counts.items() if count]
    if tally.seconds:
        values, times = condensed(tally.seconds)
        whole = {"MetricName": "TargetResponseTime", "Unit": "Seconds", "Values": values, "Counts": times}
        data.append({**whole, "Dimensions": _named(dimensions), "Timestamp": at})
    return data


def of_hosts(hosts: Hosts, dimensions: Mapping[str, str], at: datetime) -> list[Datum]:
    """What is told of a group's targets, requests or not."""
    return [
        _datum("HealthyHostCount", dimensions, at, "Count", hosts.healthy),
        _datum("UnHealthyHostCount", dimensions, at, "Count", hosts.unhealthy),
    ]


def condensed(seconds: Sequence[float], most: int = MOST_VALUES) -> tuple[list[float], list[int]]:
    """At most `most` values with their counts, told by the mean of neighbours; the slow ones most finely."""
    ordered = sorted(seconds)
    slow = max(1, round(len(ordered) * _TAIL))
    tail = min(slow, most // 3)
    parts = [*_cut(ordered[:-slow], most - tail), *_cut(ordered[-slow:], tail)]
    return [sum(part) / len(part) for part in parts], [len(part) for part in parts]


def _cut(ordered: Sequence[float], into: int) -> list[Sequence[float]]:
    """Parts of nearly the same length, none of them empty."""
    bounds = [len(ordered) * n // into for n in range(into + 1)]
    return [ordered[low:high] for low, high in pairwise(bounds) if high > low]


def _datum(name: str, dimensions: Mapping[str, str], at: datetime, unit: str, value: float) -> Datum:
    named = {"MetricName": name, "Dimensions": _named(dimensions)}
    return {**named, "Timestamp": at, "Unit": unit, "Value": float(value)}


def _named(dimensions: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in dimensions.items()]

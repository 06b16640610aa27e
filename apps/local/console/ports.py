"""The console's calls to AWS. Implemented by aws.py, and by a fake in the tests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from apps.local.paths import EMULATED
from lifecycle import names

DASHBOARD = names.regional(names.DASHBOARD, EMULATED)


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric; `dimensions` are pairs of name and value, sorted by name."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]

    def dimension(self, name: str) -> str:
        return dict(self.dimensions).get(name, "")


@dataclass(frozen=True, slots=True)
class MetricQuery:
    """One line of a chart: a statistic of a metric, with a value every `period` seconds."""

    metric: Metric
    stat: str
    period: int
    label: str
    right: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """The data of a line; `times` are seconds since 1970, in ascending order."""

    times: tuple[float, ...]
    values: tuple[float, ...]


class Aws(Protocol):
    """AWS as the console needs it; raises LifecycleError with a message that the page shows."""

    def dashboard(self) -> Mapping[str, Any]:
        """Return the body of the dashboard `lifecycle`."""

    def invoke(self, endpoint: str, payload: Mapping[str, Any]) -> Any:
        """Call a function by its ARN, and return its answer."""

    def known_metrics(self, namespace: str, name: str) -> Sequence[Metric]:
        """Return the metrics published in a namespace under one name; an empty name means all."""

    def lines(self, queries: Sequence[MetricQuery], start: datetime, end: datetime) -> Sequence[Line]:
        """Return one line for each query, in their order."""

    def alarms(self, alarm_names: Sequence[str]) -> Sequence[Mapping[str, Any]]:
        """Return these alarms as DescribeAlarms has them."""

    def running(self) -> bool:
        """Return True if a delivery or a rollout is running."""

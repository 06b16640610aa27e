"""What the console asks of AWS. Implemented by aws.py, and by a twin in the tests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

DASHBOARD = "lifecycle"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric; `dimensions` by their names, sorted."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]

    def dimension(self, name: str) -> str:
        return dict(self.dimensions).get(name, "")


@dataclass(frozen=True, slots=True)
class Wanted:
    """One line of a chart: a metric's statistic, a value every `period` seconds."""

    metric: Metric
    stat: str
    period: int
    label: str
    right: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """What there is of a line; `times` in seconds since 1970, growing."""

    times: tuple[float, ...]
    values: tuple[float, ...]


class Aws(Protocol):
    """Raises LifecycleError, in words that the page shows."""

    def dashboard(self) -> Mapping[str, Any]:
        """The body of the dashboard `lifecycle`."""
        ...

    def invoke(self, endpoint: str, payload: Mapping[str, Any]) -> Any:
        """Call a function by its ARN, and wait for what it answers."""
        ...

    def known_metrics(self, namespace: str, name: str) -> Sequence[Metric]:
        """What is published in a namespace; under one name, or all when it is empty."""
        ...

    def lines(self, wanted: Sequence[Wanted], start: datetime, end: datetime) -> Sequence[Line]:
        """One line for each that is wanted, in that order."""
        ...

    def alarms(self, names: Sequence[str]) -> Sequence[Mapping[str, Any]]:
        """DescribeAlarms, of these."""
        ...

    def running(self) -> bool:
        """Whether a delivery or a rollout runs now."""
        ...

"""The console's port of AWS in memory: a dashboard, functions in Python, metrics and alarms."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from apps.local.console.errors import AwsRefused, NoDashboard
from apps.local.console.ports import DASHBOARD, Line, Metric, MetricQuery

Function = Callable[[dict[str, Any]], Any]


def arn(function: str) -> str:
    return f"arn:aws:lambda:us-east-1:000000000000:function:{function}"


def custom(function: str, title: str, x: int = 0, y: int = 0, **more: Any) -> dict[str, Any]:
    """Return a custom widget, half of the dashboard wide."""
    params = more.pop("params", {})
    properties = {"endpoint": arn(function), "title": title, "params": params}
    properties |= {"updateOn": {"refresh": True, "resize": False, "timeRange": True}}
    return {"type": "custom", "x": x, "y": y, "width": 12, "height": 6, "properties": properties, **more}


@dataclass
class FakeAws:
    """`functions` by name; `invoked` is every payload that one was called with, in order.

    The dashboard is read after `slowness` seconds.
    """

    widgets: list[dict[str, Any]] | None = field(default_factory=list)
    functions: dict[str, Function] = field(default_factory=dict)
    metrics: dict[Metric, Line] = field(default_factory=dict)
    alarmed: list[dict[str, Any]] = field(default_factory=list)
    runs: bool = False
    looked: int = 0
    slowness: float = 0.0
    invoked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    asked: list[tuple[Sequence[MetricQuery], datetime, datetime]] = field(default_factory=list)

    def dashboard(self) -> Mapping[str, Any]:
        time.sleep(self.slowness)
        if self.widgets is None:
            raise NoDashboard(DASHBOARD)
        return {"widgets": self.widgets}

    def invoke(self, endpoint: str, payload: Mapping[str, Any]) -> Any:
        name = endpoint.rpartition(":")[2]
        self.invoked.append((name, dict(payload)))
        if name not in self.functions:
            raise AwsRefused(name, "AccessDeniedException: the role may not invoke it")
        return self.functions[name](dict(payload))

    def known_metrics(self, namespace: str, name: str) -> Sequence[Metric]:
        return [each for each in self.metrics if namespace in ("", each.namespace) and name in ("", each.name)]

    def lines(self, queries: Sequence[MetricQuery], start: datetime, end: datetime) -> Sequence[Line]:
        self.asked.append((queries, start, end))
        return [self.metrics.get(each.metric, Line((), ())) for each in queries]

    def alarms(self, alarm_names: Sequence[str]) -> Sequence[Mapping[str, Any]]:
        return [each for each in self.alarmed if each["name"] in alarm_names]

    def running(self) -> bool:
        self.looked += 1
        return self.runs

    def payloads(self, function: str) -> list[dict[str, Any]]:
        """Return the payloads of a function's calls so far."""
        return [payload for name, payload in self.invoked if name == function]

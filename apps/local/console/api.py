"""The page's API: calls by name, each from a JSON object to a JSON object.

The page may call the functions that the dashboard names, and the function that acts. The server sets the operator's
name in the payload, whatever the page sends.
"""

import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias

from apps.local.console import dashboard, metric_widget
from apps.local.console.ports import DASHBOARD, Aws
from apps.local.http_server import Refused

Arguments: TypeAlias = Mapping[str, Any]
LARGEST_ANSWER = 1_048_576
_MOST_ALARMS = 100
_REMEMBERED_SECONDS = 10.0


class Calls:
    """The calls of one console, for one operator."""

    def __init__(self, aws: Aws, by: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._aws = aws
        self._by = by
        self._clock = clock
        self._known: frozenset[dashboard.Function] = frozenset()
        self._read_at = float("-inf")

    def answer(self, name: str, arguments: Arguments) -> dict[str, Any]:
        """Answer a call; raise Refused for an unknown or invalid one, and LifecycleError with AWS's message."""
        known: dict[str, Callable[[Arguments], dict[str, Any]]] = {
            "dashboard": self._dashboard,
            "invoke": self._invoke,
            "metrics": self._metrics,
            "alarms": self._alarms,
            "running": lambda _: {"running": self._aws.running()},
        }
        if name not in known:
            raise Refused(404, f"call {name[:40]!r} not found; expected one of {', '.join(known)}")
        return known[name](arguments)

    def _dashboard(self, _: Arguments) -> dict[str, Any]:
        body = self._read()
        account = next((each.account for each in sorted(self._known, key=lambda one: one.arn)), "")
        return {"name": DASHBOARD, "by": self._by, "account": account, "widgets": dashboard.widgets(body)}

    def _read(self) -> Mapping[str, Any]:
        body = self._aws.dashboard()
        self._known, self._read_at = dashboard.functions(body), self._clock()
        return body

    def _invoke(self, arguments: Arguments) -> dict[str, Any]:
        endpoint, payload = arguments.get("endpoint"), arguments.get("payload")
        if not isinstance(payload, Mapping):
            raise Refused(400, "expected payload to be an object")
        function = dashboard.function(endpoint)
        if function not in self._known and self._clock() - self._read_at > _REMEMBERED_SECONDS:
            self._read()
        if function is None or function not in self._known:
            raise Refused(403, f"expected a function that the dashboard names, found {str(endpoint)[:120]!r}")
        sent = {**payload, "by": self._by} if function.acts else _identified(payload)
        answer = self._aws.invoke(function.arn, sent)
        if (size := len(json.dumps(answer))) > LARGEST_ANSWER:
            raise Refused(502, f"{function.name}: expected an answer of at most 1 MB, found {size} bytes")
        return {"answer": answer}

    def _metrics(self, arguments: Arguments) -> dict[str, Any]:
        properties = arguments.get("properties")
        if not isinstance(properties, Mapping):
            raise Refused(400, "expected properties to be a metric widget's")
        start, end = _time(arguments, "start"), _time(arguments, "end")
        if start >= end:
            raise Refused(400, "expected start to be before end")
        found = metric_widget.chart(properties, int((end - start).total_seconds()), self._aws.known_metrics)
        lines = self._aws.lines(found.queries, start, end) if found.queries else ()
        drawn = [
            {"label": each.label, "stat": each.stat, "period": each.period, "right": each.right}
            | {"times": line.times, "values": line.values}
            for each, line in zip(found.queries, lines, strict=True)
        ]
        return {"lines": drawn, "problems": list(found.problems)}

    def _alarms(self, arguments: Arguments) -> dict[str, Any]:
        arns = arguments.get("alarms")
        if not isinstance(arns, list) or not all(isinstance(each, str) for each in arns):
            raise Refused(400, "expected alarms to be a list of ARNs")
        names = [each.rpartition(":alarm:")[2] for each in arns[:_MOST_ALARMS]]
        return {"alarms": list(self._aws.alarms(names)) if names else []}


def _identified(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return a widget's call that says that this console, unlike CloudWatch, knows who presses its buttons."""
    shown = payload.get("widgetContext")
    known = {"widgetContext": {**shown, "identified": True}} if isinstance(shown, Mapping) else {}
    return {**payload, **known}


def _time(arguments: Arguments, name: str) -> datetime:
    """Return a time from milliseconds since 1970, which browsers use."""
    given = arguments.get(name)
    if not isinstance(given, (int, float)) or not 0 < given < 4_102_444_800_000:
        raise Refused(400, f"expected {name} in milliseconds since 1970, found {str(given)[:40]!r}")
    return datetime.fromtimestamp(given / 1000, UTC)

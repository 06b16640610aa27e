"""What the page may ask for, each a name and a JSON object that answer a JSON object.

It calls the functions that the dashboard names, and the one that acts, in the operator's name: whatever the page
says of who asks is replaced.
"""

import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias

from apps.local.console import dashboard, metric_widget
from apps.local.console.ports import DASHBOARD, Aws
from apps.local.http_server import Refused

Asked: TypeAlias = Mapping[str, Any]
LARGEST_ANSWER = 1_048_576
_MOST_ALARMS = 100
_REMEMBERED_SECONDS = 10.0


class Calls:
    """One console, for one operator."""

    def __init__(self, aws: Aws, by: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._aws = aws
        self._by = by
        self._clock = clock
        self._known: frozenset[dashboard.Function] = frozenset()
        self._read_at = float("-inf")

    def answer(self, name: str, asked: Asked) -> dict[str, Any]:
        """Raises Refused for what is not known, and what AWS says, in its words."""
        known: dict[str, Callable[[Asked], dict[str, Any]]] = {
            "dashboard": self._dashboard,
            "invoke": self._invoke,
            "metrics": self._metrics,
            "alarms": self._alarms,
            "running": lambda _: {"running": self._aws.running()},
        }
        if name not in known:
            raise Refused(404, f"there is no call {name[:40]!r}; expected one of {', '.join(known)}")
        return known[name](asked)

    def _dashboard(self, _: Asked) -> dict[str, Any]:
        body = self._read()
        account = next((each.account for each in sorted(self._known, key=lambda one: one.arn)), "")
        return {"name": DASHBOARD, "by": self._by, "account": account, "widgets": dashboard.widgets(body)}

    def _read(self) -> Mapping[str, Any]:
        body = self._aws.dashboard()
        self._known, self._read_at = dashboard.functions(body), self._clock()
        return body

    def _invoke(self, asked: Asked) -> dict[str, Any]:
        endpoint, payload = asked.get("endpoint"), asked.get("payload")
        if not isinstance(payload, Mapping):
            raise Refused(400, "expected payload to be an object")
        function = dashboard.function(endpoint)
        if function not in self._known and self._clock() - self._read_at > _REMEMBERED_SECONDS:
            self._read()
        if function is None or function not in self._known:
            raise Refused(403, f"expected a function that the dashboard names, found {str(endpoint)[:120]!r}")
        told = {**payload, "by": self._by} if function.acts else dict(payload)
        answer = self._aws.invoke(function.arn, told)
        if (size := len(json.dumps(answer))) > LARGEST_ANSWER:
            raise Refused(502, f"{function.name}: expected an answer of at most 1 MB, found {size} bytes")
        return {"answer": answer}

    def _metrics(self, asked: Asked) -> dict[str, Any]:
        properties = asked.get("properties")
        if not isinstance(properties, Mapping):
            raise Refused(400, "expected properties to be a metric widget's")
        start, end = _moment(asked, "start"), _moment(asked, "end")
        if start >= end:
            raise Refused(400, "expected start to be before end")
        found = metric_widget.chart(properties, int((end - start).total_seconds()), self._aws.known_metrics)
        lines = self._aws.lines(found.wanted, start, end) if found.wanted else ()
        drawn = [
            {"label": each.label, "stat": each.stat, "period": each.period, "right": each.right}
            | {"times": line.times, "values": line.values}
            for each, line in zip(found.wanted, lines, strict=True)
        ]
        return {"lines": drawn, "problems": list(found.problems)}

    def _alarms(self, asked: Asked) -> dict[str, Any]:
        arns = asked.get("alarms")
        if not isinstance(arns, list) or not all(isinstance(each, str) for each in arns):
            raise Refused(400, "expected alarms to be a list of ARNs")
        names = [each.rpartition(":alarm:")[2] for each in arns[:_MOST_ALARMS]]
        return {"alarms": list(self._aws.alarms(names)) if names else []}


def _moment(asked: Asked, name: str) -> datetime:
    """A time in milliseconds since 1970, as browsers have it."""
    given = asked.get(name)
    if not isinstance(given, (int, float)) or not 0 < given < 4_102_444_800_000:
        raise Refused(400, f"expected {name} in milliseconds since 1970, found {str(given)[:40]!r}")
    return datetime.fromtimestamp(given / 1000, UTC)

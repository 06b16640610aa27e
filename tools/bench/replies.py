"""The replies to the traffic, request by request, and their figures. Pure; generator.py collects them."""

import json
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

from tools.demo.traffic import Outcome, milliseconds

Span: TypeAlias = tuple[float, float]


class Reply(NamedTuple):
    """One request. The times are of time.monotonic(); `failure` is empty when it succeeded."""

    due: float
    sent: float
    ended: float
    status: int
    failure: str
    version: str
    host: str


Replies: TypeAlias = dict[str, list[Reply]]


def replies(sent: Mapping[str, Iterable[Outcome]]) -> Replies:
    """Return the replies by kind of request; the host is read from the body, where the example names it."""
    return {
        kind: [
            Reply(each.due, each.sent, each.ended, each.status, each.failure, each.version, _host(each.body))
            for each in outcomes
        ]
        for kind, outcomes in sent.items()
    }


def read(text: str) -> Replies:
    """Read replies from JSON, in the order in which they were due."""
    return {kind: sorted(Reply(*row) for row in rows) for kind, rows in json.loads(text).items()}


def due_in(found: Sequence[Reply], spans: Iterable[Span]) -> list[Reply]:
    """Return the replies due in one of the spans, which must not overlap; `found` must be sorted by `due`."""
    due = [each.due for each in found]
    return [each for began, ended in spans for each in found[bisect_left(due, began) : bisect_left(due, ended)]]


def figures(found: Sequence[Reply]) -> dict[str, Any]:
    """Return counts and latencies.

    Latency counts from `due`; `late_ms` is the delay of sending after that.
    """
    failures = Counter(each.failure for each in found if each.failure)
    first = next((each for each in found if each.failure), None)
    return {
        "requests": len(found),
        "failed": failures.total(),
        "failures": dict(failures),
        "first_failure": f"{first.failure} after {first.due - found[0].due:.1f} s" if first else None,
        "statuses": dict(Counter(str(each.status) for each in found if each.status)),
        "versions": dict(Counter(each.version or "none" for each in found if each.status)),
        "latency_ms": milliseconds(each.ended - each.due for each in found if each.status),
        "late_ms": milliseconds(each.sent - each.due for each in found),
    }


def served_by(found: Iterable[Reply], version: str) -> dict[str, int]:
    """Return the number of answers of a version by host."""
    return dict(sorted(Counter(each.host for each in found if each.version == version).items()))


@lru_cache(maxsize=4096)
def _host(body: bytes) -> str:
    try:
        return str(json.loads(body)["host"])
    except (ValueError, KeyError, TypeError):
        return ""

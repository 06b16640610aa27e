"""One call of each method of the leases' gateway, as in calls.py."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from tests.contract.conftest import Gateways

Thunk: TypeAlias = Callable[[], Any]

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def then(effect: Thunk, read: Thunk) -> Thunk:
    """Return a call that has an effect, and then reads it."""

    def both() -> Any:
        return effect(), read()

    return both


def _hand_over(g: Gateways) -> Thunk:
    first = g.leases.acquire(g.cluster, "first", NOW, 0)
    return lambda: g.leases.hand_over(g.cluster, first, "second", NOW, 0)


def _renew(g: Gateways) -> Thunk:
    first = g.leases.acquire(g.cluster, "first", NOW, 0)
    return lambda: g.leases.renew(g.cluster, first, NOW + timedelta(days=1))


def _release(g: Gateways) -> Thunk:
    first = g.leases.acquire(g.cluster, "first", NOW, 0)
    return then(lambda: g.leases.release(g.cluster, first), lambda: g.leases.current(g.cluster))


LEASE_CALLS: Mapping[str, Callable[[Gateways], Thunk]] = {
    "DynamoLeases.current": lambda g: lambda: g.leases.current(g.cluster),
    "DynamoLeases.acquire": lambda g: lambda: g.leases.acquire(g.cluster, "first", NOW, 0),
    "DynamoLeases.hand_over": _hand_over,
    "DynamoLeases.renew": _renew,
    "DynamoLeases.release": _release,
}

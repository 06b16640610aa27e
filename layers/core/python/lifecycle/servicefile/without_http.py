"""Services without HTTP: the keys that have no meaning for one, and what such a service must declare.

Used by model, for `[run] http = false` (docs/adr/0023).
"""

from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import BaseModel
from pydantic_core import PydanticCustomError

from lifecycle.servicefile.fields import expected

if TYPE_CHECKING:
    from lifecycle.servicefile.model import ServiceFile

PROTOCOL = (
    '"http", which is HTTP/1.1. gRPC and HTTP/2 are not balanced: give such a service http = false, and let its '
    "clients find its hosts"
)
_WITHOUT = "no such key with run.http = false: {why}"


class _Refused(NamedTuple):
    """A key that a service without HTTP cannot have."""

    at: tuple[str, ...]
    why: str


_NOBODY_ASKS = "there is no path to ask, and alive is that its process runs"
_METRICS = "metrics are read from a path"
_NO_TRAFFIC = "there are no requests by which a test bed could be compared"
_RUN = (
    _Refused(("run", "port"), "nobody calls it, so it gets no HOST and no PORT"),
    _Refused(("run", "start_seconds"), "there is no answer to wait for"),
)
_CHECKS = (
    _Refused(("checks", "is_alive"), _NOBODY_ASKS),
    _Refused(("checks", "metrics"), _METRICS),
)
_POLICY = {
    "bake_minutes": _NO_TRAFFIC,
    "on_fail": _NO_TRAFFIC,
    "after_bake": _NO_TRAFFIC,
    "drain_seconds": "it has no requests in flight. run.stop_seconds is the time that it gets to end its work",
    "settle_seconds": "no load balancer sends it requests",
}


def problem(file: "ServiceFile") -> PydanticCustomError | None:
    """Return an error about every key that a service without HTTP cannot have, and the self-test that it lacks."""
    policies = [
        _Refused(("environments", name, key), why)
        for name, table in (("staging", file.environments.staging), ("production", file.environments.production))
        if table is not None
        for key, why in _POLICY.items()
    ]
    refused = (*_RUN, *_CHECKS, _Refused(("metrics",), _METRICS), *policies)
    found: list[dict[str, Any]] = [
        {"expected": _WITHOUT.format(why=each.why), "found": "one", "at": each.at}
        for each in refused
        if _is_set(file, each.at)
    ]
    test = file.checks.self_test
    if test.command is None:
        what = 'a command, such as { command = "./check.sh" }: a service without HTTP answers no path'
        has = f'"{test.path}"' if test.path else "nothing"
        found.append({"expected": what, "found": has, "at": ("checks", "self_test")})
    if not found:
        return None
    first, *more = found
    return expected(first.pop("expected"), **first, more=more)


def _is_set(table: BaseModel, at: tuple[str, ...]) -> bool:
    """Return whether the file itself has this key."""
    key, *rest = at
    if key not in table.model_fields_set:
        return False
    return not rest or _is_set(getattr(table, key), tuple(rest))

"""Reads the dashboard's body, as CloudWatch stores it: its widgets, and the functions that they name.

infra/constructs/dashboard.py writes it. CloudWatch's console and this page both lay it out on 24 columns.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lifecycle import names

ACT = names.function("act")
_FUNCTION = re.compile(r"arn:[a-z-]+:lambda:[a-z0-9-]+:(\d{12}):function:(lifecycle-(?:show-[a-z-]+|act))")


@dataclass(frozen=True, slots=True)
class Function:
    """A Lambda function that a widget may call."""

    arn: str
    account: str
    name: str

    @property
    def acts(self) -> bool:
        """Return True if the function may change something; the others only show."""
        return self.name == ACT


def function(arn: object) -> Function | None:
    """Return the function that an ARN names, if it is one of the console: `lifecycle-show-...` or `lifecycle-act`."""
    if isinstance(arn, str) and (found := _FUNCTION.fullmatch(arn)):
        return Function(arn, found[1], found[2])
    return None


def widgets(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the widgets from top to bottom and left to right: the order for a keyboard and for a narrow screen."""
    found = [dict(each) for each in body.get("widgets", ()) if isinstance(each, Mapping)]
    return sorted(found, key=lambda each: (each.get("y", 0), each.get("x", 0)))


def functions(body: Mapping[str, Any]) -> frozenset[Function]:
    """Return the functions that the page may call: those of its custom widgets, and the one that acts."""
    return frozenset(_functions(body))


def _functions(body: Mapping[str, Any]) -> Iterator[Function]:
    for widget in widgets(body):
        if widget.get("type") == "custom" and (found := function(widget.get("properties", {}).get("endpoint"))):
            yield found
            act = found.arn.removesuffix(found.name) + ACT
            yield Function(act, found.account, ACT)

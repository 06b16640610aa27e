"""The dashboard's body, as CloudWatch keeps it: its widgets in reading order, and the functions that they name.

infra/constructs/dashboard.py writes it; CloudWatch's console and this page both lay it out on 24 columns.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

ACT = "lifecycle-act"
_FUNCTION = re.compile(r"arn:[a-z-]+:lambda:[a-z0-9-]+:(\d{12}):function:(lifecycle-(?:show-[a-z-]+|act))")


@dataclass(frozen=True, slots=True)
class Function:
    """One Lambda that a widget may call."""

    arn: str
    account: str
    name: str

    @property
    def acts(self) -> bool:
        """Whether it changes anything; the others only show."""
        return self.name == ACT


def function(arn: object) -> Function | None:
    """What an endpoint names, if it is a function of the console's: `lifecycle-show-...`, or `lifecycle-act`."""
    if isinstance(arn, str) and (found := _FUNCTION.fullmatch(arn)):
        return Function(arn, found[1], found[2])
    return None


def widgets(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The widgets from top to bottom and left to right, which is how a keyboard and a narrow screen meet them."""
    found = [dict(each) for each in body.get("widgets", ()) if isinstance(each, Mapping)]
    return sorted(found, key=lambda each: (each.get("y", 0), each.get("x", 0)))


def functions(body: Mapping[str, Any]) -> frozenset[Function]:
    """What the page may call: what its custom widgets name, and beside each the function that acts."""
    return frozenset(_functions(body))


def _functions(body: Mapping[str, Any]) -> Iterator[Function]:
    for widget in widgets(body):
        if widget.get("type") == "custom" and (
            found := function(widget.get("properties", {}).get("endpoint"))
        ):
            yield found
            act = found.arn.removesuffix(found.name) + ACT
            yield Function(act, found.account, ACT)

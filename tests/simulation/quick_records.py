"""A quicker `__init__` for the product's frozen records, which are most of what a run makes.

A frozen dataclass sets each field by a call of `object.__setattr__`. Here a record is of a class with the same
slots that is not frozen while its fields are set. What a record is and can do stays the same. Called by
many.py.
"""

from dataclasses import MISSING, Field, fields
from datetime import datetime
from email.utils import format_datetime
from functools import cache
from operator import attrgetter
from typing import Any

from apps.agent.decide import State, TurnRecord
from lifecycle.domain.fleet.host import HostReport
from lifecycle.domain.fleet.host_command import Turn
from lifecycle.domain.monitoring.audit import AuditEntry
from lifecycle.domain.rollout.attempt import HostAttempt
from lifecycle.domain.rollout.decision import Question
from lifecycle.domain.rollout.deployment import Deployment, Request

RECORDS = (AuditEntry, Deployment, HostAttempt, HostReport, Question, Request, State, Turn, TurnRecord)


_values = attrgetter(*HostReport.__slots__)
_SEEN_AT = HostReport.__slots__.index("seen_at")


def report_seen_at(report: HostReport, at: datetime) -> HostReport:
    """Return the report with another `seen_at`; dataclasses.replace is too slow for this many calls."""
    values: list[Any] = [*_values(report)]
    values[_SEEN_AT] = at
    return HostReport(*values)


def http_date(at: datetime) -> str:
    """Return the header Date of an answer, which counts whole seconds."""
    return format_datetime(at.replace(microsecond=0), usegmt=True)


@cache
def make_records_quick() -> None:
    """Give each of these classes a quicker `__init__` with the same parameters and effect, in this process."""
    for record in RECORDS:
        if not hasattr(record, "__post_init__"):
            record.__init__ = quick_init(record)  # type: ignore[method-assign]


def quick_init(record: type) -> Any:
    known = fields(record)
    open_class = type(record.__name__, (), {"__slots__": tuple(each.name for each in known)})
    space: dict[str, Any] = {"record": record, "open_class": open_class, "set_class": object.__setattr__}
    space |= {f"default_{each.name}": each.default for each in known}
    space |= {f"factory_{each.name}": each.default_factory for each in known}
    lines = [
        f"def __init__(self, {', '.join(_parameter(each) for each in known)}):",
        "    set_class(self, '__class__', open_class)",
        *(f"    self.{each.name} = {_value(each)}" for each in known),
        "    self.__class__ = record",
    ]
    exec("\n".join(lines), space)  # noqa: S102 (as the module dataclasses does)
    made = space["__init__"]
    made.__qualname__ = f"{record.__qualname__}.__init__"
    return made


def _parameter(field: Field[Any]) -> str:
    if field.default is not MISSING:
        return f"{field.name}=default_{field.name}"
    return field.name if field.default_factory is MISSING else f"{field.name}=factory_{field.name}"


def _value(field: Field[Any]) -> str:
    if field.default_factory is MISSING:
        return field.name
    return f"factory_{field.name}() if {field.name} is factory_{field.name} else {field.name}"

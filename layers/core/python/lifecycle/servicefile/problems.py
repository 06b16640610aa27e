"""The problems of a lifecycle.toml, as messages: the line, the field, the allowed values, the value found.

Called by reading, with pydantic's errors and the lines from lines.locate.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, TypeAlias, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from lifecycle.domain.errors import LifecycleError
from lifecycle.servicefile.lines import Place, line_of

Model: TypeAlias = type[BaseModel]

_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem. `line` is None when there is no text; `field` is empty for the file as a whole."""

    line: int | None
    field: str
    message: str
    file: str = "lifecycle.toml"

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where}: {self.field}: {self.message}" if self.field else f"{where}: {self.message}"


class InvalidServiceFile(LifecycleError):
    """An invalid lifecycle.toml; `problems` are sorted by line."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


def describe(model: Model, errors: Sequence[ErrorDetails], lines: dict[Place, int], file: str) -> tuple[Problem, ...]:
    """Return every validation error as a problem, sorted by line."""
    found = [problem for error in errors for problem in _problems(model, error, lines, file)]
    return tuple(sorted(set(found), key=lambda problem: (problem.line or 0, problem.field)))


def _problems(model: Model, error: ErrorDetails, lines: dict[Place, int], file: str) -> Iterator[Problem]:
    # Pydantic adds a last part "[key]" to the place of a dictionary's invalid key.
    at: Place = tuple(part for part in error["loc"] if part != "[key]")
    ours = error.get("ctx", {}) if error["type"] == "expected" else {}
    if error["type"] == "missing":
        for place, field in _required(model, at):
            expects = f"expected {field.description}, found nothing"
            yield Problem(line_of(lines, place), _dotted(place), expects, file)
    elif error["type"] == "extra_forbidden":
        yield Problem(line_of(lines, at), _dotted(at), _unknown(model, at), file)
    else:
        at = ours.get("at", at)
        found = ours.get("found") or _found(error["input"])
        expects = ours.get("expected") or _expected(model, at)
        message = f"expected {expects}, found {found}{_quotes_hint(error)}"
        yield Problem(line_of(lines, at), _dotted(at), message, file)
        for each in ours.get("more", ()):  # of a check that finds several
            message = f"expected {each['expected']}, found {each['found']}"
            yield Problem(line_of(lines, each["at"]), _dotted(each["at"]), message, file)


def _dotted(at: Place) -> str:
    text = ""
    for part in at:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            shown = part if re.fullmatch(r"[A-Za-z0-9_-]{1,60}", part) else json.dumps(part[:_SHOWN])
            text += f".{shown}" if text else shown
    return text


def _field(model: Model, at: Place) -> tuple[FieldInfo | None, bool]:
    """Return the field at a place, and whether the place is one of the field's items."""
    inner: Model | None = model
    field: FieldInfo | None = None
    named = False  # the next part names one of the field's tables
    for number, part in enumerate(at, start=1):
        if isinstance(part, int) and inner is not None and number < len(at):
            continue  # an index in a list of tables; the table's fields follow
        if named and number < len(at):
            named = False
            continue
        if inner is None or named or part not in inner.model_fields:
            return field, True
        field = inner.model_fields[str(part)]
        inner, named = _table(field), _has_named_tables(field)
    return field, False


def _has_named_tables(field: FieldInfo) -> bool:
    return get_origin(field.annotation) is dict and _table(field) is not None


def _table(field: FieldInfo) -> Model | None:
    """Return the table that a field holds, if it holds one."""
    for kind in (field.annotation, *getattr(field.annotation, "__args__", ())):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
    return None


def _expected(model: Model, at: Place) -> str:
    field, is_item = _field(model, at)
    extra = field.json_schema_extra if field else None
    if is_item and isinstance(extra, dict):
        return str(extra["each"])
    return str(field.description) if field else "a table"


def _required(model: Model, at: Place) -> Iterator[tuple[Place, FieldInfo]]:
    """Yield what the file lacks when `at` is missing: the field itself, or the required fields of that table."""
    field, _ = _field(model, at)
    if field is None:
        return
    if (inner := _table(field)) is None:
        yield at, field
        return
    for name, part in inner.model_fields.items():
        if part.is_required():
            yield from _required(model, (*at, name))


def _unknown(model: Model, at: Place) -> str:
    key = str(at[-1])
    field, _ = _field(model, at[:-1])
    table = (_table(field) if field else None) or model
    if close := get_close_matches(key.lower(), table.model_fields, 1, 0.55):
        return f'unknown; did you mean "{close[0]}"?'
    elsewhere = {place[-1]: place for place in reversed(list(_all_fields(model)))}
    if close := get_close_matches(key.lower(), elsewhere, 1, 0.7):
        name = _dotted(elsewhere[close[0]])
        return f"unknown here; did you mean {name}{', above the first table' if '.' not in name else ''}?"
    return f"unknown; expected one of {', '.join(table.model_fields)}"


def _all_fields(model: Model, at: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, field in model.model_fields.items():
        yield (*at, name)
        if inner := _table(field):
            yield from _all_fields(inner, (*at, name, "NAME") if _has_named_tables(field) else (*at, name))


def _found(value: Any) -> str:
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "a list" if len(value) <= 1 else f"a list of {len(value)}"
    if isinstance(value, int) and value.bit_length() > 256:  # Python refuses to print one of 4300 digits
        return "a very large number"
    if isinstance(value, bool | int | float | str):
        text = json.dumps(value, ensure_ascii=not str(value).isprintable())
        return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(str(value))} characters)"
    return "a date or time"


def _quotes_hint(error: ErrorDetails) -> str:
    """Return a hint when only the quotes are wrong."""
    kind, value = error["type"], error["input"]
    if kind == "string_type" and isinstance(value, int | float):
        return " (write it in quotes)"
    if kind in {"int_type", "float_type"} and isinstance(value, str) and _NUMBER.fullmatch(value):
        return " (write it without quotes)"
    if kind in {"bool_type", "literal_error"} and value in ("true", "false"):
        return " (write it without quotes)"
    return ""

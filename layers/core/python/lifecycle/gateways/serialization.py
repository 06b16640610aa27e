"""Domain records to and from plain JSON values: one converter for DynamoDB, S3, SSM and the agent.

Datetimes become ISO 8601 in UTC, enums their values, tuples lists. An unknown key is refused, a missing
one takes the dataclass's default.
"""

import json
from datetime import UTC, datetime
from typing import Any, TypeVar

from cattrs import Converter
from cattrs.errors import BaseValidationError
from cattrs.strategies import configure_union_passthrough

from lifecycle.domain.errors import StoreRefused

T = TypeVar("T")


def _converter() -> Converter:
    converter = Converter(forbid_extra_keys=True)
    converter.register_unstructure_hook(datetime, lambda at: at.astimezone(UTC).isoformat())
    converter.register_structure_hook(datetime, lambda text, _: datetime.fromisoformat(text))
    # An amount of hosts is a number or a text such as "25%": JSON tells them apart.
    configure_union_passthrough(int | str, converter)
    return converter


_CONVERTER = _converter()


def to_plain(record: Any) -> Any:
    """A record as values that `json.dumps` takes."""
    return _CONVERTER.unstructure(record)


def from_plain(kind: type[T], plain: Any) -> T:
    """A record from such values; raises StoreRefused, naming what did not fit."""
    try:
        return _CONVERTER.structure(plain, kind)
    except (BaseValidationError, KeyError, TypeError, ValueError) as error:
        raise StoreRefused(f"expected a {kind.__name__}, found {plain!r:.300} ({error!r:.300})") from error


def to_json(record: Any) -> str:
    """A record as JSON with sorted keys."""
    return json.dumps(to_plain(record), sort_keys=True)


def from_json(kind: type[T], text: str | bytes) -> T:
    """A record from JSON; raises StoreRefused."""
    try:
        return from_plain(kind, json.loads(text))
    except json.JSONDecodeError as error:
        raise StoreRefused(f"expected JSON of a {kind.__name__}: {error}") from error

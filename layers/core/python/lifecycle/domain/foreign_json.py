"""The one door for JSON that somebody else wrote: a build, a host, an operator, GitHub, or AWS.

json.loads raises another error for each kind of nonsense, and RecursionError for a few kilobytes of brackets.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from lifecycle.domain.errors import InvalidJson

MOST_LEVELS = 64
# Above the largest event of Lambda, and the largest parameter, record and manifest.
LARGEST_JSON = 8 * 1024 * 1024

Members: TypeAlias = Callable[[Sequence[tuple[str, Any]]], Any]


def parse_json(text: str | bytes, *, members: Members | None = None) -> Any:
    """Return the value of a text; raises InvalidJson. `members` makes each object of its members."""
    if not isinstance(text, str | bytes):
        raise InvalidJson(f"a value of the type {type(text).__name__}")
    if len(text) > LARGEST_JSON:
        raise InvalidJson(f"a text of {len(text)} characters")
    try:
        found = json.loads(text, object_pairs_hook=members)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        # `from None`: the error holds the whole text, which may be a secret.
        raise InvalidJson(f"text that is no JSON ({place})") from None
    except RecursionError:
        raise InvalidJson("JSON of too many levels") from None
    except ValueError:
        raise InvalidJson("text that is no JSON: its characters, or a number in it, cannot be read") from None
    if _may_be_deep(text) and _levels(found) > MOST_LEVELS:
        raise InvalidJson("JSON of too many levels")
    return found


def parse_object(text: str | bytes) -> dict[str, Any]:
    """Return the JSON object of a text; raises InvalidJson, also for JSON of another type."""
    found = parse_json(text)
    if not isinstance(found, dict):
        raise InvalidJson(f"JSON of the type {type(found).__name__}", "a JSON object")
    return found


def object_or_empty(text: str | bytes) -> dict[str, Any]:
    """Return the JSON object of a text; {} for any other text."""
    try:
        return parse_object(text)
    except InvalidJson:
        return {}


def _may_be_deep(text: str | bytes) -> bool:
    """Return whether a text has brackets for too many levels. Few texts have, so few are walked through."""
    if isinstance(text, str):
        return text.count("{") + text.count("[") > MOST_LEVELS
    return text.count(b"{") + text.count(b"[") > MOST_LEVELS


def _levels(value: Any) -> int:
    """Return the levels of a value without a call for each."""
    levels, level = 0, [value]
    while level := [each for each in level if isinstance(each, dict | list)]:
        levels += 1
        level = [child for each in level for child in (each.values() if isinstance(each, dict) else each)]
    return levels

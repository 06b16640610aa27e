"""The one door for JSON that somebody else wrote: a build, a host, an operator, GitHub, or AWS.

json.loads raises another error for each kind of nonsense, and RecursionError for a few kilobytes of brackets. It also
returns half a character (a lone surrogate), which has no bytes: nobody could store, print or send it.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from lifecycle.domain.errors import InvalidJson

MOST_LEVELS = 64
# Above the largest event of Lambda, and the largest parameter, record and manifest.
LARGEST_JSON = 8 * 1024 * 1024

# The whole numbers that every reader of JSON has exactly. DynamoDB refuses much larger ones.
LARGEST_NUMBER = 2**53
# An escape of JSON. Two halves of one character follow each other; the group has a half that is alone.
_ESCAPE = re.compile(r"\\u[dD][89abAB]..\\u[dD][c-fC-F]|\\(?:(u[dD][89a-fA-F])|.)", re.DOTALL)

Members: TypeAlias = Callable[[Sequence[tuple[str, Any]]], Any]


def parse_json(text: str | bytes, *, members: Members | None = None) -> Any:
    """Return the value of a text; raises InvalidJson. `members` makes each object of its members."""
    if not isinstance(text, str | bytes):
        raise InvalidJson(f"a value of the type {type(text).__name__}")
    if len(text) > LARGEST_JSON:
        raise InvalidJson(f"a text of {len(text)} characters")
    try:
        if isinstance(text, bytes):
            text = text.decode(json.detect_encoding(text))
        found = json.loads(text, object_pairs_hook=members)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        # `from None`: the error holds the whole text, which may be a secret.
        raise InvalidJson(f"text that is no JSON ({place})") from None
    except RecursionError:
        raise InvalidJson("JSON of too many levels") from None
    except ValueError:
        raise InvalidJson("text that is no JSON: its characters, or a number in it, cannot be read") from None
    if _has_half(text):
        raise InvalidJson("text with half a character (a lone surrogate)")
    if _may_be_deep(text) and is_deep(found):
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


def is_text(text: str) -> bool:
    """Return whether a text has whole characters only, so that it can be stored, printed and sent."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def whole_text(text: str) -> str:
    """Return a text with an escape in place of each half character, so that it can be stored, printed and sent."""
    return text if is_text(text) else text.encode(errors="backslashreplace").decode()


def unrecordable(value: Any) -> str:
    """Return what no record can hold in a value of JSON, as "reason: half a character …"; empty for nothing."""
    if is_deep(value):
        return f"more than {MOST_LEVELS} levels"
    level: list[tuple[str, Any]] = [("", value)]
    while level:
        for place, each in level:
            if problem := _problem(each):
                return f"{place or 'input'}: {problem}"
        level = [child for place, each in level for child in _children(place, each)]
    return ""


def _problem(value: Any) -> str:
    if isinstance(value, str) and not is_text(value):
        return f"half a character (a lone surrogate) in {value!a:.60}"
    if isinstance(value, int) and abs(value) > LARGEST_NUMBER:
        return f"a number above {LARGEST_NUMBER}"
    return ""


def _children(place: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the members of an object with their names, which are texts, too; or those of a list."""
    if isinstance(value, Mapping):
        for name, each in value.items():
            yield f"a name in {place or 'the input'}", name
            yield f"{f'{place}.' if place else ''}{name!s:.60}", each
    elif isinstance(value, list | tuple):
        for each in value:
            yield place, each


def _has_half(text: str) -> bool:
    """Return whether a text of JSON has half a character: as it is, or escaped."""
    if not is_text(text):
        return True
    if "\\ud" not in text and "\\uD" not in text:
        return False
    return any(each[1] for each in _ESCAPE.finditer(text))


def _may_be_deep(text: str) -> bool:
    """Return whether a text has brackets for too many levels. Few texts have, so few are walked through."""
    return text.count("{") + text.count("[") > MOST_LEVELS


def is_deep(value: Any) -> bool:
    """Return whether a value has too many levels, without a call for each."""
    levels, level = 0, [value]
    while levels <= MOST_LEVELS and (level := [each for each in level if isinstance(each, dict | list)]):
        levels += 1
        level = [child for each in level for child in (each.values() if isinstance(each, dict) else each)]
    return levels > MOST_LEVELS


def object_of(event: Any) -> dict[str, Any]:
    """Return an event; {} for something else, which a caller may send, and for one of too many levels."""
    return event if isinstance(event, dict) and not is_deep(event) else {}

"""The texts in which a service may print its configuration, and their replacement by names; pure.

Used by configuration.py. A text is masked before it is cut; one that was cut already is masked with `part`.
"""

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import quote, quote_plus, unquote, urlsplit

from lifecycle.domain.errors import InvalidJson
from lifecycle.domain.foreign_json import parse_json

# A shorter value is in too many words to be masked, and is no secret.
_SHORTEST = 4
_SHORTEST_MEMBER = 8  # a JSON object has many texts that are no secrets
_CUT_CHARACTER = "\ufffd"
# `password=…` of a connection string, and what is between a user's name and the last @ of an address.
_PASSWORDS = (
    re.compile(r"(?:passw(?:or)?d|pwd|secret|token)\s*=\s*[\"']?([^\s;&\"']+)", re.IGNORECASE),
    re.compile(r"://[^:@/\s]*:(\S+)@"),
)


class Masking:
    """The replacement of values by their names. The longest texts come first, because one may have another in it."""

    def __init__(self, known: Iterable[Mapping[str, str]] = ()) -> None:
        found = {(text, name) for values in known for name, value in values.items() for text in _printed(value)}
        self._secrets = sorted(found, key=lambda each: (-len(each[0]), each))

    def whole(self, text: str) -> str:
        """Return a text with the name of each variable instead of its value."""
        for secret, name in self._secrets:
            text = text.replace(secret, f"[{name}]")
        return text

    def part(self, text: str) -> str:
        """Return the same for a text that was cut from a longer one, maybe in the middle of a value."""
        text = text.strip(_CUT_CHARACTER)
        for secret, name in self._secrets:
            if len(text) >= _SHORTEST and text in secret:
                return f"[{name}]"
        (begin, first), (end, last) = self._cut_begin(text), self._cut_end(text)
        return first + self.whole(text[begin : max(begin, end)]) + last

    def _cut_begin(self, text: str) -> tuple[int, str]:
        """Return the length of the longest end of a value with which the text begins, and its name."""
        longest, mark = 0, ""
        for secret, name in self._secrets:
            end = text.rfind(secret[-_SHORTEST:], longest, len(secret)) + _SHORTEST
            while end >= max(longest + 1, _SHORTEST):
                if secret.endswith(text[:end]):
                    longest, mark = end, f"[{name}]"
                    break
                end = text.rfind(secret[-_SHORTEST:], longest, end - 1) + _SHORTEST
        return longest, mark

    def _cut_end(self, text: str) -> tuple[int, str]:
        """Return where the longest beginning of a value begins with which the text ends, and its name."""
        first, mark = len(text), ""
        for secret, name in self._secrets:
            begin = text.find(secret[:_SHORTEST], max(0, len(text) - len(secret)), first)
            while 0 <= begin < first:
                if secret.startswith(text[begin:]):
                    first, mark = begin, f"[{name}]"
                    break
                begin = text.find(secret[:_SHORTEST], begin + 1)
        return first, mark


def _printed(value: str) -> set[str]:
    """Return the texts to mask: the value, its parts that are secret alone, and how programs escape each of them."""
    plain = {value, *_passwords(value), *_members(value)}
    lines = {line for each in plain for line in (*each.splitlines(), *each.split("\n"))}
    escaped = {form for each in plain | lines for form in _quoted(each)}
    escaped |= {form for each in plain for form in _encoded(each)}  # a certificate has too many lines for these
    return {text for each in plain | lines | escaped for text in (each, each.strip()) if len(text) >= _SHORTEST}


def _passwords(value: str) -> Iterator[str]:
    for pattern in _PASSWORDS:
        yield from pattern.findall(value)
    try:
        password = urlsplit(value).password or ""
    except ValueError:
        return
    yield password
    yield unquote(password)


def _members(value: str) -> Iterator[str]:
    """Yield the texts in a JSON object, such as the whole secret of a database."""
    if not value.lstrip().startswith("{"):
        return
    try:
        members = parse_json(value)
    except InvalidJson:
        return
    yield from (each for each in members.values() if isinstance(each, str) and len(each) >= _SHORTEST_MEMBER)


def _quoted(text: str) -> Iterator[str]:
    yield json.dumps(text)[1:-1]
    yield json.dumps(text, ensure_ascii=False)[1:-1]
    yield repr(text)[1:-1]


def _encoded(text: str) -> Iterator[str]:
    yield quote(text)
    yield quote(text, safe="")
    yield quote_plus(text)
    yield base64.b64encode(text.encode(errors="replace")).decode().rstrip("=")

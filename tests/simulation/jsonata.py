"""The few JSONata expressions that statemachines/rollout.asl.json uses, compiled to closures.

Paths, string literals, objects, `$merge([...])`, true, false and `=`. Anything else raises ValueError when
the definition is read, so that a definition that needs more is noticed.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

Scope: TypeAlias = Mapping[str, Any]
Expression: TypeAlias = Callable[[Scope], Any]

_TOKEN = re.compile(r"\s*(\$[A-Za-z_](?:[\w.]|\[\d+\])*|\$merge|true|false|'[^']*'|[()\[\]{},:=])")
_PART = re.compile(r"\[\d+\]|\w+")


def compiled(value: Any) -> Expression:
    """Return a closure that evaluates a template, in which strings `{% ... %}` are expressions."""
    if isinstance(value, dict):
        parts = {name: compiled(each) for name, each in value.items()}
        return lambda scope: {name: part(scope) for name, part in parts.items()}
    if isinstance(value, str) and value.startswith("{%") and value.endswith("%}"):
        return _Reader(value[2:-2]).whole()
    return lambda _: value


class _Reader:
    """A recursive-descent parser for one expression."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = _TOKEN.findall(text)
        if "".join(self._tokens) != re.sub(r"\s(?=(?:[^']*'[^']*')*[^']*$)", "", text):
            raise ValueError(f"expected the JSONata of tests/simulation/jsonata.py, found {text!r}")
        self._next = 0

    def whole(self) -> Expression:
        left = self._value()
        if self._next == len(self._tokens):
            return left
        self._take("=")
        right = self._value()
        return lambda scope: left(scope) == right(scope)

    def _take(self, wanted: str = "") -> str:
        found = self._tokens[self._next] if self._next < len(self._tokens) else "the end"
        if wanted and found != wanted:
            raise ValueError(f"expected {wanted} in {self._text!r}, found {found}")
        self._next += 1
        return str(found)

    def _value(self) -> Expression:
        token = self._take()
        if token == "$merge":
            return self._merge()
        if token == "{":
            return self._object()
        if token.startswith("'"):
            return lambda _: token[1:-1]
        if token in ("true", "false"):
            return lambda _: token == "true"
        return _path(token)

    def _merge(self) -> Expression:
        self._take("(")
        self._take("[")
        parts = [self._value()]
        while self._tokens[self._next] == ",":
            self._take(",")
            parts.append(self._value())
        self._take("]")
        self._take(")")
        return lambda scope: {name: value for part in parts for name, value in part(scope).items()}

    def _object(self) -> Expression:
        parts: dict[str, Expression] = {}
        while True:
            name = self._take()[1:-1]
            self._take(":")
            parts[name] = self._value()
            if self._take() == "}":
                return lambda scope: {name: part(scope) for name, part in parts.items()}


def _path(token: str) -> Expression:
    """Return a closure for `$name.a.b`; a missing value is None, as JSONata's nothing."""
    if not token.startswith("$"):
        raise ValueError(f"expected a variable, found {token}")
    first, *rest = [int(part[1:-1]) if part[0] == "[" else part for part in _PART.findall(token[1:])]

    def found(scope: Scope) -> Any:
        value: Any = scope.get(str(first))
        for name in rest:
            if isinstance(name, int):
                value = value[name] if value else None
            else:
                value = value.get(name) if isinstance(value, Mapping) else None
        return value

    return found

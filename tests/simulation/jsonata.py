"""The JSONata that the definitions in statemachines/ use, compiled to closures.

Paths, strings, numbers, objects, `$merge([...])`, `$type`, `$exists`, `$not`, `=`, `+`, `&` and `? :`. Anything else
raises ValueError when the definition is read, so that a definition that needs more is noticed. A missing value
is JSONata's undefined: an object leaves it out, a comparison with it is false, and a whole expression that
gives it raises `QueryFailed`, as Step Functions does.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

Scope: TypeAlias = Mapping[str, Any]
Expression: TypeAlias = Callable[[Scope], Any]

_TOKEN = re.compile(r"\s*(\$[A-Za-z_](?:[\w.]|\[\d+\])*|true\b|false\b|null\b|\d+|'[^']*'|[()\[\]{},:=+&?])")
_PART = re.compile(r"\[\d+\]|\w+")
_CONSTANTS = {"true": True, "false": False, "null": None}


class _Undefined:
    """JSONata's value for what is not there; null is None."""


_UNDEFINED: Final = _Undefined()


class QueryFailed(Exception):
    """An expression without a value, or with one of the wrong type: States.QueryEvaluationError."""


def compiled(value: Any) -> Expression:
    """Return a closure that evaluates a template, in which strings `{% ... %}` are expressions."""
    if isinstance(value, dict):
        parts = {name: compiled(each) for name, each in value.items()}
        return lambda scope: {name: part(scope) for name, part in parts.items()}
    if isinstance(value, str) and value.startswith("{%") and value.endswith("%}"):
        text = value[2:-2]
        found = _Reader(text).whole()

        def evaluated(scope: Scope) -> Any:
            if (result := found(scope)) is _UNDEFINED:
                raise QueryFailed(f"no value: {text}")
            return result

        return evaluated
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
        found = self._expression()
        if self._next < len(self._tokens):
            raise ValueError(f"expected the end of {self._text!r}, found {self._peek()}")
        return found

    def _peek(self) -> str:
        return str(self._tokens[self._next]) if self._next < len(self._tokens) else "the end"

    def _take(self, wanted: str = "") -> str:
        found = self._peek()
        if wanted and found != wanted:
            raise ValueError(f"expected {wanted} in {self._text!r}, found {found}")
        self._next += 1
        return found

    def _expression(self) -> Expression:
        condition = self._comparison()
        if self._peek() != "?":
            return condition
        self._take("?")
        then = self._expression()
        self._take(":")
        otherwise = self._expression()
        return lambda scope: then(scope) if condition(scope) is True else otherwise(scope)

    def _comparison(self) -> Expression:
        left = self._sum()
        if self._peek() != "=":
            return left
        self._take("=")
        right = self._sum()

        def equal(scope: Scope) -> bool:
            one, other = left(scope), right(scope)
            return one is not _UNDEFINED and other is not _UNDEFINED and bool(one == other)

        return equal

    def _sum(self) -> Expression:
        left = self._value()
        while (sign := self._peek()) in ("+", "&"):
            self._take()
            left = (_added if sign == "+" else _joined)(left, self._value())
        return left

    def _value(self) -> Expression:
        token = self._take()
        if token == "$merge":
            return self._merge()
        if token in _FUNCTIONS:
            self._take("(")
            given, call = self._expression(), _FUNCTIONS[token]
            self._take(")")
            return lambda scope: call(given(scope))
        if token == "{":
            return self._object()
        if token == "(":
            found = self._expression()
            self._take(")")
            return found
        return _path(token) if token.startswith("$") else _constant(token)

    def _merge(self) -> Expression:
        self._take("(")
        self._take("[")
        parts = [self._value()]
        while self._peek() == ",":
            self._take(",")
            parts.append(self._value())
        self._take("]")
        self._take(")")

        def merged(scope: Scope) -> dict[str, Any]:
            found = [part(scope) for part in parts]
            if wrong := [each for each in found if not isinstance(each, Mapping) and each is not _UNDEFINED]:
                raise QueryFailed(f"$merge takes objects, found {wrong[0]!r}")
            return {name: value for each in found if each is not _UNDEFINED for name, value in each.items()}

        return merged

    def _object(self) -> Expression:
        parts: dict[str, Expression] = {}
        while True:
            name = self._take()[1:-1]
            self._take(":")
            parts[name] = self._expression()
            if self._take() == "}":
                break

        def made(scope: Scope) -> dict[str, Any]:
            found = {name: part(scope) for name, part in parts.items()}
            return {name: value for name, value in found.items() if value is not _UNDEFINED}

        return made


def _added(left: Expression, right: Expression) -> Expression:
    def total(scope: Scope) -> Any:
        one, other = left(scope), right(scope)
        if _UNDEFINED in (one, other):
            return _UNDEFINED
        if not isinstance(one, int) or not isinstance(other, int):
            raise QueryFailed(f"+ takes numbers, found {one!r} and {other!r}")
        return one + other

    return total


def _joined(left: Expression, right: Expression) -> Expression:
    """Return the text of both, as JSONata's &: what is undefined adds nothing."""

    def text(scope: Scope) -> str:
        found = (left(scope), right(scope))
        return "".join("" if each is _UNDEFINED else str(each) for each in found)

    return text


def _type(value: Any) -> Any:
    if value is _UNDEFINED:
        return value
    kinds = {type(None): "null", bool: "boolean", Mapping: "object", str: "string", int: "number", float: "number"}
    return next((name for kind, name in kinds.items() if isinstance(value, kind)), "array")


_FUNCTIONS: Mapping[str, Callable[[Any], Any]] = {
    "$type": _type,
    "$exists": lambda value: value is not _UNDEFINED,
    "$not": lambda value: value is _UNDEFINED or not value,
}


def _constant(token: str) -> Expression:
    if token.startswith("'"):
        return lambda _: token[1:-1]
    if token.isdigit():
        return lambda _: int(token)
    if token not in _CONSTANTS:
        raise ValueError(f"expected a value, found {token}")
    return lambda _: _CONSTANTS[token]


def _path(token: str) -> Expression:
    """Return a closure for `$name.a.b[0]`."""
    first, *rest = [int(part[1:-1]) if part[0] == "[" else part for part in _PART.findall(token[1:])]

    def found(scope: Scope) -> Any:
        value: Any = scope.get(str(first), _UNDEFINED)
        for name in rest:
            value = _item(value, name) if isinstance(name, int) else _field(value, name)
        return value

    return found


def _item(value: Any, number: int) -> Any:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return value[number] if number < len(value) else _UNDEFINED
    return value if number == 0 else _UNDEFINED


def _field(value: Any, name: str) -> Any:
    """Return a field; of an array, the fields of its elements, as JSONata does."""
    if isinstance(value, Mapping):
        return value.get(name, _UNDEFINED)
    if isinstance(value, Sequence) and not isinstance(value, str):
        found = [field for each in value if (field := _field(each, name)) is not _UNDEFINED]
        return found if len(found) > 1 else found[0] if found else _UNDEFINED
    return _UNDEFINED

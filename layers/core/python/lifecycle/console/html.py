"""Markup that is always escaped: everything that is not Markup is text.

Only `tag` makes an element. The names of elements and attributes come from closed lists; values and text are escaped.
A service's name, a reason or a log that contains markup is therefore shown as text.
"""

import json
import re
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any, Literal, TypeAlias

from lifecycle.domain.visible_text import visible

_ELEMENT_NAMES = """
a button caption circle cwdb-action dd details div dl dt form g h2 h3 label li line ol option p path pre polyline
rect section select small span strong summary svg table tbody td text textarea th thead time title tr ul
"""
_ATTRIBUTE_NAMES = """
action aria-hidden aria-label class colspan confirmation cx cy d datetime disabled display endpoint event for height
href id maxlength name open points preserveAspectRatio r required role rows rowspan rx scope selected stroke-dasharray
stroke-width tabindex text-anchor title type value viewBox width x x1 x2 y y1 y2
"""
_ELEMENTS = frozenset(_ELEMENT_NAMES.split())
_ATTRIBUTES = frozenset(_ATTRIBUTE_NAMES.split())
_VOID = frozenset({"circle", "line", "path", "polyline", "rect"})
_KEY = object()

Value: TypeAlias = str | int | float | bool | None
Child: TypeAlias = "Markup | str | int | float | Iterable[Child] | None"


class Markup:
    """HTML made by this module."""

    __slots__ = ("_html",)

    def __init__(self, key: object, html: str) -> None:
        if key is not _KEY:
            raise TypeError("Markup is made by tag(), never from a text")
        self._html = html

    def __str__(self) -> str:
        return self._html


def tag(element: str, *children: Child, **attributes: Value) -> Markup:
    """Return an element; `class_` and `aria_label` mean class and aria-label. None and False omit an attribute.

    Raises ValueError for an element or attribute outside of the lists above, which is a programming error.
    """
    if element not in _ELEMENTS:
        raise ValueError(f"<{element}> is not allowed in the console")
    given = "".join(_attribute(name, value) for name, value in attributes.items())
    if element in _VOID and not children:
        return Markup(_KEY, f"<{element}{given}/>")
    return Markup(_KEY, f"<{element}{given}>{_inside(children)}</{element}>")


def together(*children: Child) -> Markup:
    """Return several children, one after another."""
    return Markup(_KEY, _inside(children))


def stylesheet(rules: str) -> Markup:
    """Return a `<style>` of the program's own rules; raises ValueError if they hold markup."""
    if "<" in rules:
        raise ValueError("a stylesheet holds no markup")
    return Markup(_KEY, f"<style>{rules}</style>")


def action(
    pressed: Markup,
    endpoint: str,
    params: Mapping[str, Any],
    *,
    display: Literal["widget", "popup"] = "widget",
    confirmation: str | None = None,
) -> Markup:
    """Return an element that calls a Lambda with these parameters when it is pressed."""
    # Valid JSON without a character of markup: it reads the same as text and as HTML.
    body = json.dumps(params, sort_keys=True)
    for sign in "<>&":
        body = body.replace(sign, f"\\u{ord(sign):04x}")
    call = tag(
        "cwdb-action",
        body,
        action="call",
        display=display,
        event="click",
        endpoint=endpoint,
        confirmation=confirmation,
    )
    return together(pressed, call)


def plain(text: str) -> str:
    """Replace the characters of foreign text that a page would hide, or would show elsewhere."""
    return visible(text.replace("\r\n", "\n"), instead="\N{REPLACEMENT CHARACTER}")


def _inside(children: Iterable[Child]) -> str:
    return "".join(_child(child) for child in children)


def _child(child: Child) -> str:
    if child is None:
        return ""
    if isinstance(child, Markup):
        return str(child)
    if isinstance(child, str):
        return escape(plain(child), quote=False)
    if isinstance(child, int | float):
        return _number(child)
    return _inside(child)


def _attribute(name: str, value: Value) -> str:
    wanted = name.rstrip("_").replace("_", "-")
    if wanted not in _ATTRIBUTES:
        raise ValueError(f"{wanted} is no attribute of the console")
    if value is None or value is False:
        return ""
    if value is True:
        return f' {wanted}=""'
    text = value if isinstance(value, str) else _number(value)
    if wanted == "href" and not re.match(r"https://|#", text):
        raise ValueError(f"a link goes to https:// or within the page, not to {text!r}")
    return f' {wanted}="{escape(plain(text), quote=True)}"'


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)

"""Widgets read as CloudWatch reads them: elements, text, and the call of each button."""

import json
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from lifecycle.console.html import Markup


@dataclass
class Button:
    """A button and the `cwdb-action` behind it."""

    text: str
    attributes: dict[str, str]
    params: dict[str, Any]

    @property
    def confirmation(self) -> str:
        return self.attributes.get("confirmation", "")


@dataclass
class ReadWidget(HTMLParser):
    """A parsed widget. `shape` is every tag and attribute name in order, `text` the visible text."""

    html: str
    shape: list[tuple[str, ...]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    buttons: list[Button] = field(default_factory=list)
    values: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._open: list[str] = []
        self._last = ""
        self._attributes: dict[str, str] = {}
        self.feed(self.html)
        self.close()
        assert not self._open, f"not closed: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.shape.append((tag, *(name for name, _ in attrs)))
        self.values += [(name, value or "") for name, value in attrs]
        self._open.append(tag)
        if tag == "button":
            self._last = ""
        if tag == "cwdb-action":
            self._attributes = {name: value or "" for name, value in attrs}

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.shape.append((tag, *(name for name, _ in attrs)))
        self.values += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag
        self.shape.append((f"/{tag}",))

    def handle_data(self, data: str) -> None:
        inside = self._open[-1] if self._open else ""
        if inside == "cwdb-action":
            self.buttons.append(Button(self._last, self._attributes, json.loads(data)))
        elif inside != "style":
            self.texts.append(data)
        if "button" in self._open:
            self._last += data

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def button(self, text: str) -> Button:
        """Return the only button with this text."""
        (found,) = (each for each in self.buttons if each.text == text)
        return found

    @property
    def starts(self) -> Button:
        """The only button of a confirmation that acts."""
        (found,) = (each for each in self.buttons if "action" in each.params)
        return found

    def has_button(self, text: str) -> bool:
        return any(each.text == text for each in self.buttons)

    def named(self) -> list[str]:
        """Return the names of the form fields."""
        return [value for name, value in self.values if name == "name"]


def read_widget(drawn: Markup | str) -> ReadWidget:
    """Parse a widget."""
    return ReadWidget(str(drawn))

"""Markup: whatever is not made by tag() is text, however it looks."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lifecycle.console import html
from lifecycle.console.html import Markup, action, plain, stylesheet, tag, together
from tests.unit.console.read_widget import read_widget

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>&lt;b&gt;</cwdb-action></style><!--]]>"
TEXTS = st.text(max_size=80)


@given(TEXTS)
@example(HOSTILE)
@example("\x00</p>\ud800\u202e")
def test_text_never_becomes_a_tag(text: str) -> None:
    drawn = read_widget(tag("p", text, title=text))
    assert drawn.shape == [("p", "title"), ("/p",)]
    assert "".join(drawn.texts) == plain(text).replace("\r", "\n")
    assert drawn.values == [("title", plain(text).replace("\r", "\n"))]


@given(st.dictionaries(TEXTS, TEXTS | st.integers() | st.lists(TEXTS, max_size=3), max_size=4), TEXTS)
@example({"version": HOSTILE}, HOSTILE)
def test_parameters_of_a_button_arrive_unchanged(params: dict[str, Any], sentence: str) -> None:
    button = tag("button", "Press", type="button")
    drawn = read_widget(action(button, "arn", params, confirmation=sentence))
    (pressed,) = drawn.buttons
    assert (pressed.text, pressed.params) == ("Press", params)
    assert pressed.confirmation == plain(sentence).replace("\r", "\n")
    assert [each[0] for each in drawn.shape] == ["button", "/button", "cwdb-action", "/cwdb-action"]


@given(TEXTS)
def test_parameters_contain_no_markup_even_unescaped(text: str) -> None:
    html = str(action(tag("button", "x"), "arn", {"why": text}))
    body = html.partition('endpoint="arn">')[2].removesuffix("</cwdb-action>")
    assert not set(body) & set("<>&")
    assert json.loads(body) == {"why": text}


def test_action_follows_its_element() -> None:
    html = str(action(tag("button", "Go"), "arn:it", {}, display="popup", confirmation="Sure?"))
    assert html == (
        '<button>Go</button><cwdb-action action="call" display="popup" event="click" endpoint="arn:it" '
        'confirmation="Sure?">{}</cwdb-action>'
    )


@pytest.mark.parametrize("element", ["script", "iframe", "img", "style", "object", "p onclick", "", "P"])
def test_unlisted_element_is_refused(element: str) -> None:
    with pytest.raises(ValueError, match="is not allowed in the console"):
        tag(element)


@pytest.mark.parametrize("name", ["onclick", "style", "src", "srcdoc", "formaction", "class name"])
def test_unlisted_attribute_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no attribute"):
        tag("p", **{name: "x"})


@pytest.mark.parametrize("link", ["javascript:alert(1)", "data:text/html,x", "http://x", " https://x", "//x"])
def test_link_needs_https(link: str) -> None:
    with pytest.raises(ValueError, match="a link goes to"):
        tag("a", "x", href=link)
    assert str(tag("a", "x", href="https://example.test/?a=1&b=2")) == (
        '<a href="https://example.test/?a=1&amp;b=2">x</a>'
    )


def test_markup_cannot_be_made_from_text() -> None:
    with pytest.raises(TypeError, match="made by tag"):
        Markup("key", "<b>")


def test_only_html_py_makes_markup() -> None:
    folder = Path(html.__file__).parent
    for path in folder.glob("*.py"):
        text = path.read_text()
        assert path.name == "html.py" or ("Markup(" not in text and "_html" not in text and "_KEY" not in text)


def test_absent_values_leave_no_trace() -> None:
    assert str(tag("p", None, [None, []], title=None, open=False)) == "<p></p>"
    assert str(tag("option", "a", selected=True)) == '<option selected="">a</option>'
    assert str(tag("line", x1=0, y1=1.5, x2=1 / 3)) == '<line x1="0" y1="1.5" x2="0.33"/>'
    assert str(together("a", 1, 2.0, ["<", tag("p")])) == "a12&lt;<p></p>"


def test_stylesheet_contains_no_markup() -> None:
    with pytest.raises(ValueError, match="no markup"):
        stylesheet("</style><script>")


def test_control_characters_and_direction_signs_are_replaced() -> None:
    assert plain("a\u202eb\x00c\ud800d\r\ne\tf") == "a\ufffdb\ufffdc\ufffdd\ne\tf"

"""A widget's answer is shown, and its scripts and styles cannot reach the page."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.integration.browser.desk import drawn, widget
from tests.integration.browser.scenes import MARKUP, fill
from tests.integration.console.fake_aws import FakeAws, custom

pytestmark = pytest.mark.browser

SHOW = "lifecycle-show-clusters"
DONE = "document.title='pwned'"
FORBIDDEN = ("<script", "<iframe", "<object", "<embed", "javascript:", " on", "<meta", "<template", "action=")


SCRIPTS = (
    f"<script>{DONE}</script>",
    f"<img src=x onerror={DONE}>",
    f"<svg onload={DONE}><script>{DONE}</script></svg>",
    f'<a href="javascript:{DONE}">press</a>',
    f'<a href=" java&#10;script:{DONE}">press</a>',
    f"<button onclick={DONE}>press</button>",
    f"<input autofocus onfocus={DONE}>",
    f"<details open ontoggle={DONE}>x</details>",
    f'<iframe srcdoc="<script>parent.{DONE}</script>"></iframe>',
    f'<iframe src="javascript:parent.{DONE}"></iframe>',
    f'<object data="javascript:{DONE}"></object>',
    f'<embed src="javascript:{DONE}">',
    f'<svg><a xlink:href="javascript:{DONE}"><text y="20">press</text></a></svg>',
    f'<svg><animate onbegin="{DONE}" attributeName="x" dur="1s"/></svg>',
    f'<svg><foreignObject><img src=x onerror="{DONE}"></foreignObject></svg>',
    f'<math><mtext><table><mglyph><style><img src=x onerror="{DONE}">',
    f'<noscript><p title="</noscript><img src=x onerror={DONE}>">',
    f'<form action="javascript:{DONE}"><button>press</button></form>',
    f'<button formaction="javascript:{DONE}">press</button>',
    f'<meta http-equiv="refresh" content="0;url=javascript:{DONE}">',
    f'<template><img src=x onerror="{DONE}"></template>',
    f'<p style="background:url(javascript:{DONE})">x</p>',
)


def test_script_of_a_widget_never_runs(console: Callable[..., Page], aws: FakeAws) -> None:
    aws.widgets = [
        custom(SHOW, f"Case {number}", y=6 * number, params={"case": number}) for number in range(len(SCRIPTS))
    ]
    aws.functions = {SHOW: lambda payload: f"<p>before</p>{SCRIPTS[payload['case']]}<p>after</p>"}
    page = console()
    drawn(page)
    for number, script in enumerate(SCRIPTS):
        found = widget(page, f"Case {number}")
        expect(found.get_by_text("before")).to_be_visible()
        for pressed in found.get_by_text("press").all():
            pressed.click(force=True)
        left = str(found.locator(".content").evaluate("each => each.shadowRoot.innerHTML")).lower()
        assert not [each for each in FORBIDDEN if each in left], (script, left)
    page.wait_for_timeout(50)
    assert page.title() == "Lifecycle"


def shown(console: Callable[..., Page], aws: FakeAws, html: str) -> Page:
    aws.widgets = [custom(SHOW, "Clusters")]
    aws.functions = {SHOW: lambda _: html}
    return console()


def markup(page: Page) -> str:
    """Return the widget's markup after sanitising."""
    return str(page.evaluate("document.querySelector('.custom .content').shadowRoot.innerHTML"))


def test_service_name_with_markup_is_shown_as_text(console: Callable[..., Page], aws: FakeAws) -> None:
    fill(aws)
    page = console()
    expect(widget(page, "Pipeline").get_by_role("cell", name=MARKUP)).to_be_visible()
    expect(widget(page, "What waits for you").get_by_role("heading", level=3)).to_contain_text(MARKUP)


def test_title_with_markup_is_shown_as_text(console: Callable[..., Page], aws: FakeAws) -> None:
    aws.widgets = [custom(SHOW, MARKUP)]
    aws.functions = {SHOW: lambda _: "x"}
    expect(console().get_by_role("heading", name=MARKUP)).to_be_visible()


def test_allowed_markup_is_unchanged(console: Callable[..., Page], aws: FakeAws) -> None:
    kept = (
        '<svg viewBox="0 0 10 10" role="img" aria-label="a chart"><title>a chart</title>'
        '<path d="M0 0L9 9" stroke="red" class="lc-line"></path></svg>'
        '<table><tbody><tr><td colspan="2" style="color: red;">cell</td></tr></tbody></table>'
        '<details open=""><summary>more</summary><p lang="de" title="t">text</p></details>'
    )
    assert markup(shown(console, aws, kept)) == kept


def test_styles_of_a_widget_stay_in_the_widget(console: Callable[..., Page], aws: FakeAws) -> None:
    html = (
        '<style>@import "https://evil.example/x.css"; h1, p { color: rgb(1, 2, 3) !important }'
        ".cover { position: fixed; inset: 0 }</style>"
        '<p>mine</p><div class="cover"></div><p style="position: fixed; inset: 0">over</p>'
    )
    page = shown(console, aws, html)
    colour = "each => getComputedStyle(each).color"
    assert page.get_by_text("mine").evaluate(colour) == "rgb(1, 2, 3)"
    assert page.get_by_role("heading", level=1).evaluate(colour) != "rgb(1, 2, 3)"
    # A widget's fixed content cannot cover the page's button.
    page.get_by_role("button", name="Refresh now").click()
    assert page.get_by_text("over").evaluate("each => getComputedStyle(each).position") == "static"


def test_links_open_elsewhere_without_a_referrer(console: Callable[..., Page], aws: FakeAws) -> None:
    page = shown(console, aws, '<a href="https://example.com/x" onclick="x()" target="_self">out</a>')
    link = page.get_by_role("link", name="out")
    expect(link).to_have_attribute("target", "_blank")
    expect(link).to_have_attribute("rel", "noopener noreferrer")


def test_markdown_and_json_are_rendered(console: Callable[..., Page], aws: FakeAws) -> None:
    aws.widgets = [custom(SHOW, "One"), custom("lifecycle-show-history", "Other", 12)]
    aws.functions = {
        SHOW: lambda _: {"markdown": "## Said\n- **strong** <i>as text</i>\n\n[out](https://example.com)"},
        "lifecycle-show-history": lambda _: {"rows": ["<b>one</b>"]},
    }
    page = console()
    expect(widget(page, "One").get_by_role("heading", name="Said")).to_be_visible()
    expect(widget(page, "One").get_by_role("listitem")).to_have_text("strong <i>as text</i>")
    expect(widget(page, "Other").get_by_text("<b>one</b>")).to_be_visible()


def test_no_request_goes_to_another_host(seat: Callable[..., object], server: object, aws: FakeAws) -> None:
    fill(aws)
    aws.functions["lifecycle-show-pipeline"] = lambda _: (
        '<img src="https://evil.example/a.png"><p style="background: url(https://evil.example/b.png)">x</p>'
        "<style>p { background: url(https://evil.example/c.png) } @import url(https://evil.example/d.css);</style>"
    )
    desk = seat(server.url)  # type: ignore[attr-defined]
    desk.open()  # type: ignore[attr-defined]
    foreign = [url for url in desk.requests if not url.startswith(server.url)]  # type: ignore[attr-defined]
    # The page's policy blocks the request of the style sheet; Chromium reports it although it is not sent.
    assert [url for url in foreign if "c.png" not in url] == []
    assert desk.faults == []  # type: ignore[attr-defined]


def test_confirmation_with_markup_characters_is_shown(console: Callable[..., Page], aws: FakeAws) -> None:
    text = "note: 1.0 --> 1.1, </style> &c?"
    action = f"<cwdb-action action='call' confirmation='{text.replace('&', '&amp;')}'>{{}}</cwdb-action>"
    page = shown(console, aws, f"<button>go</button>{action}<input type='password' name='secret'>")
    assert "password" not in markup(page)
    page.get_by_role("button", name="go").click()
    expect(page.get_by_role("dialog")).to_contain_text(text)

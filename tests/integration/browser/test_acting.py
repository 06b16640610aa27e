"""Buttons, confirmations, pop-ups and forms, with and without a mouse."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.integration.browser.desk import drawn, focused, until, widget
from tests.integration.browser.scenes import fill
from tests.integration.console.fake_aws import FakeAws, arn, custom

pytestmark = pytest.mark.browser

SHOW = "lifecycle-show-questions"
WAITS = "What waits for you"


@pytest.fixture
def page(console: Callable[..., Page], aws: FakeAws) -> Page:
    fill(aws)
    return console()


def acting(aws: FakeAws, html: str) -> None:
    aws.widgets = [custom(SHOW, WAITS, params={"service": "hello"})]
    aws.functions = {SHOW: lambda _: html, "lifecycle-act": lambda _: "<p>done</p>"}


def middle(target: Locator) -> tuple[float, float]:
    box = target.bounding_box()
    assert box
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def test_button_asks_for_confirmation_and_shows_the_result(page: Page, aws: FakeAws) -> None:
    press(page, "Roll back")
    asked = page.get_by_role("dialog", name="Roll back?")
    expect(asked).to_contain_text("Deploy 1.0.0 to every host that this deployment touched?")
    assert aws.payloads("lifecycle-act") == []
    press(page, "Confirm")
    expect(page.get_by_role("dialog")).to_contain_text("Rolling back, as deployment d-8.")
    [payload] = aws.payloads("lifecycle-act")
    assert (payload["action"], payload["deployment"], payload["by"]) == ("roll_back", "d-7", "ada")


@pytest.mark.parametrize("key", ["Escape", "Enter"])
def test_unconfirmed_button_does_nothing(page: Page, aws: FakeAws, key: str) -> None:
    press(page, "Roll back")
    expect(page.get_by_role("dialog")).to_be_visible()
    # Enter presses Cancel, which has the focus.
    page.keyboard.press(key)
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert focused(page) == "Roll back"
    assert aws.payloads("lifecycle-act") == []


def test_fields_are_sent_with_the_action(page: Page, aws: FakeAws) -> None:
    page.get_by_label("Why").fill('it "failed" <twice>')
    press(page, "Roll back")
    press(page, "Confirm")
    expect(page.get_by_role("dialog")).to_contain_text("Rolling back")
    context = aws.payloads("lifecycle-act")[0]["widgetContext"]
    assert context["forms"] == {"all": {"why": 'it "failed" <twice>', "choice": "ABORT"}}
    # The reason was sent: the widget is loaded again, with an empty field.
    before = len(aws.payloads(SHOW))
    press(page, "Close")
    until(page, lambda: len(aws.payloads(SHOW)) > before)
    aws.functions[SHOW] = lambda _: "<p>Nothing waits for you.</p>"
    press(page, "Refresh now")
    expect(widget(page, WAITS)).to_contain_text("Nothing waits for you.")


def test_fields_of_every_kind_are_sent(console: Callable[..., Page], aws: FakeAws) -> None:
    acting(
        aws,
        '<form><input name="text" value="a"><textarea name="area">b</textarea>'
        '<input type="checkbox" name="on" value="yes" checked><input type="checkbox" name="off" value="yes">'
        '<input type="radio" name="which" value="1"><input type="radio" name="which" value="2" checked>'
        '<select name="many" multiple><option selected>x</option><option selected>y</option><option>z</option>'
        '</select><button>Go</button><cwdb-action action="call" '
        f'endpoint="{arn("lifecycle-act")}">{{}}</cwdb-action></form>',
    )
    page = console()
    press(page, "Go")
    expect(page.get_by_role("dialog")).to_contain_text("done")
    assert aws.payloads("lifecycle-act")[0]["widgetContext"]["forms"]["all"] == {
        "text": "a",
        "area": "b",
        "on": "yes",
        "which": "2",
        "many": ["x", "y"],
    }


def test_widget_gets_its_context(page: Page, aws: FakeAws) -> None:
    payload = aws.payloads("lifecycle-show-pipeline")[0]
    context = payload.pop("widgetContext")
    assert payload == {"service": "hello"}
    assert context["params"] == {"service": "hello"}
    assert (context["dashboardName"], context["title"], context["theme"]) == (
        "lifecycle-us-east-1",
        "Pipeline",
        "light",
    )
    assert context["accountId"] == "000000000000"
    assert 400 < context["width"] < 700
    assert 150 < context["height"] < 300
    assert context["timeRange"]["mode"] == "relative"
    assert context["timeRange"]["end"] - context["timeRange"]["start"] == 3_600_000
    assert set(context["timezone"]) == {"label", "offsetISO", "offsetInMinutes"}


def test_popup_needs_no_call(page: Page, aws: FakeAws) -> None:
    before = len(aws.invoked)
    press(page, "Evidence")
    expect(page.get_by_role("dialog")).to_contain_text("The last lines of its log: boom")
    assert len(aws.invoked) == before
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert focused(page) == "Evidence"


def test_answer_can_replace_the_widget_until_a_refresh(console: Callable[..., Page], aws: FakeAws) -> None:
    acting(
        aws,
        f'<button>Go</button><cwdb-action action="call" display="widget" endpoint="{arn("lifecycle-act")}">'
        '{"action": "resume"}</cwdb-action>',
    )
    page = console()
    press(page, "Go")
    expect(widget(page, WAITS).get_by_text("done")).to_be_visible()
    page.get_by_label("Show").select_option("the last 3 h")
    drawn(page)
    expect(widget(page, WAITS).get_by_text("done")).to_be_visible()
    press(page, "Refresh now")
    expect(widget(page, WAITS).get_by_role("button", name="Go")).to_be_visible()


def test_parameters_of_a_widgets_button_survive_a_refresh(console: Callable[..., Page], aws: FakeAws) -> None:
    aws.widgets = [custom(SHOW, WAITS, params={"days": 30})]
    aws.functions = {
        SHOW: lambda payload: (
            f"<p>{payload['days']} days</p><button>More</button>"
            f'<cwdb-action action="call" display="widget" endpoint="{arn(SHOW)}">{{"days": 90}}</cwdb-action>'
        )
    }
    page = console()
    expect(widget(page, WAITS)).to_contain_text("30 days")
    press(page, "More")
    expect(widget(page, WAITS)).to_contain_text("90 days")
    before = len(aws.invoked)
    press(page, "Refresh now")
    until(page, lambda: len(aws.invoked) > before)
    assert aws.payloads(SHOW)[-1]["days"] == 90


@pytest.mark.parametrize(
    ("event", "act"),
    [
        ("click", lambda target: target.click()),
        ("dblclick", lambda target: target.dblclick()),
        ("mouseenter", lambda target: target.page.mouse.move(*middle(target))),
        ("click", lambda target: target.press("Enter")),
        ("click", lambda target: target.press(" ")),
        ("dblclick", lambda target: target.press("Enter")),
        ("mouseenter", lambda target: target.focus()),
    ],
)
def test_action_works_on_any_element(
    console: Callable[..., Page], aws: FakeAws, event: str, act: Callable[[Locator], None]
) -> None:
    acting(aws, f'<span>host hello-1</span><cwdb-action event="{event}"><p>all about it</p></cwdb-action>')
    page = console()
    act(page.get_by_role("button", name="host hello-1"))
    expect(page.get_by_role("dialog")).to_contain_text("all about it")


def test_failed_call_shows_its_error_and_can_be_repeated(page: Page, aws: FakeAws) -> None:
    answers = aws.functions.pop("lifecycle-act")
    press(page, "Roll back")
    press(page, "Confirm")
    expect(page.get_by_role("dialog")).to_contain_text("AccessDeniedException: the role may not invoke it")
    press(page, "Close")
    aws.functions["lifecycle-act"] = answers
    press(page, "Roll back")
    press(page, "Confirm")
    expect(page.get_by_role("dialog")).to_contain_text("Rolling back")


def test_popup_may_contain_buttons(console: Callable[..., Page], aws: FakeAws) -> None:
    acting(
        aws,
        '<button>Open</button><cwdb-action action="html"><label>Reason <input name="reason"></label>'
        f'<button>Send</button><cwdb-action action="call" endpoint="{arn("lifecycle-act")}">'
        '{"action": "freeze"}</cwdb-action></cwdb-action>',
    )
    page = console()
    press(page, "Open")
    page.get_by_label("Reason").fill("an incident")
    press(page, "Send")
    expect(page.get_by_role("dialog")).to_contain_text("done")
    assert aws.payloads("lifecycle-act")[0]["widgetContext"]["forms"]["all"] == {"reason": "an incident"}


def test_widget_that_shows_a_buttons_content_waits_for_no_older_answer(
    console: Callable[..., Page], aws: FakeAws
) -> None:
    acting(aws, '<button>More</button><cwdb-action action="html" display="widget"><p>all of it</p></cwdb-action>')
    page = console()
    page.get_by_role("combobox", name="Refresh").select_option("Off")
    page.route("**/api/invoke", lambda _: None)  # never answered
    page.get_by_role("button", name="Refresh now").click()
    shown = widget(page, WAITS)
    expect(shown).to_have_attribute("aria-busy", "true")
    press(page, "More")
    expect(shown).to_contain_text("all of it")
    expect(shown).not_to_have_attribute("aria-busy", "true")


def test_page_works_without_a_mouse(page: Page, aws: FakeAws) -> None:
    page.keyboard.press("Tab")
    assert focused(page) == "Skip to the dashboard"
    page.keyboard.press("Enter")
    seen = []
    for _ in range(30):
        page.keyboard.press("Tab")
        seen.append(focused(page))
        if seen[-1] == "Roll back":
            break
    assert [each for each in seen if each in ("why", "choice", "Roll back")] == ["why", "choice", "Roll back"]
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    # Enter twice is no consent.
    assert focused(page) == "Cancel"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text("Rolling back, as deployment d-8.")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    drawn(page)
    until(page, lambda: focused(page) == "Roll back")
    assert len(aws.payloads("lifecycle-act")) == 1


def test_focus_is_visible(page: Page) -> None:
    widths = []
    for _ in range(12):
        page.keyboard.press("Tab")
        widths.append(
            page.evaluate(
                """() => {
                  let at = document.activeElement;
                  while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
                  const { outlineStyle, outlineWidth } = getComputedStyle(at);
                  return outlineStyle === "none" ? 0 : parseFloat(outlineWidth);
                }"""
            )
        )
    assert min(widths) >= 2

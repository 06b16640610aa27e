"""The page as a whole: its layout, charts, refreshes and readability."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.integration.browser.desk import Desk, drawn, picture, scrolls_sideways, unreadable, until, widget
from tests.integration.browser.scenes import fill
from tests.integration.console.fake_aws import FakeAws, custom

pytestmark = pytest.mark.browser

WAITS = "lifecycle-show-questions"
SHOWN = "lifecycle-show-pipeline"


@pytest.fixture
def filled(aws: FakeAws) -> FakeAws:
    fill(aws)
    return aws


def boxes(page: Page) -> list[dict[str, float]]:
    found = [each.bounding_box() for each in page.locator("section.widget").all()]
    return [
        {"x": each["x"], "y": each["y"], "width": each["width"], "height": each["height"]} for each in found if each
    ]


def test_widgets_are_laid_out_as_on_cloudwatch(console: Callable[..., Page], filled: FakeAws) -> None:
    page = console(width=1600)
    _, pipeline, waits, requests, errors, alarms = boxes(page)
    assert pipeline["x"] < waits["x"]
    assert pipeline["y"] == waits["y"] < requests["y"] == errors["y"] == alarms["y"]
    assert abs(pipeline["width"] - 2 * errors["width"]) < 20
    assert not scrolls_sideways(page)


def test_narrow_screen_has_one_column(console: Callable[..., Page], filled: FakeAws) -> None:
    page = console(width=400)
    found = boxes(page)
    assert len({each["x"] for each in found}) == 1
    assert [each["y"] for each in found] == sorted(each["y"] for each in found)
    assert all(each["width"] > 360 for each in found)
    assert not scrolls_sideways(page)


@pytest.mark.parametrize("width", [400, 1600])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_is_readable(console: Callable[..., Page], filled: FakeAws, width: int, scheme: str) -> None:
    page = console(width=width, color_scheme=scheme)
    assert filled.payloads(SHOWN)[0]["widgetContext"]["theme"] == scheme
    assert unreadable(page) == []
    page.get_by_role("button", name="Roll back").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert unreadable(page) == []


def test_theme_can_be_chosen_and_is_remembered(console: Callable[..., Page], filled: FakeAws) -> None:
    page = console(color_scheme="light")
    ground = "() => getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.get_by_label("Theme").select_option("Dark")
    drawn(page)
    assert page.evaluate(ground) != light
    assert filled.payloads(SHOWN)[-1]["widgetContext"]["theme"] == "dark"
    page.reload()
    page.wait_for_selector("section.widget")
    assert page.evaluate(ground) != light
    page.get_by_label("Theme").select_option("As the system")
    assert page.evaluate(ground) == light


def test_loading_page_is_not_taken_for_drawn(console: Callable[..., Page], filled: FakeAws) -> None:
    page = console()
    before = len(filled.payloads(SHOWN))
    filled.slowness = 0.5
    page.get_by_role("button", name="Refresh now").click()
    drawn(page)
    assert len(filled.payloads(SHOWN)) == before + 1


def test_metrics_are_drawn_and_described(console: Callable[..., Page], filled: FakeAws) -> None:
    page = console()
    chart = widget(page, "Requests").get_by_role("img")
    name = chart.get_attribute("aria-label") or ""
    assert name.startswith("lc-p-hello RequestCount, Sum every 60 s: last 940, lowest 900, highest 1.14K")
    assert chart.locator("path.line").count() == 1
    expect(widget(page, "Requests").get_by_role("listitem")).to_contain_text("lc-p-hello RequestCount 940")
    expect(widget(page, "Errors").get_by_role("definition")).to_have_text("0")
    widget(page, "Alarms").scroll_into_view_if_needed()
    picture(page, "metrics")


def test_chart_without_values_says_so(console: Callable[..., Page], filled: FakeAws) -> None:
    filled.metrics = {}
    expect(widget(console(), "Errors")).to_contain_text("Nothing was measured in this time.")


def test_alarms_show_their_state_the_worst_first(console: Callable[..., Page], filled: FakeAws) -> None:
    found = widget(console(), "Alarms").get_by_role("listitem").all_inner_texts()
    assert [text.split("\n")[0].split(" hello")[0].strip() for text in found] == [
        *("In alarm", "Too little data", "OK"),
    ]
    assert "3.1 % of answers were errors since" in found[0]


def test_time_range_applies_to_every_widget(console: Callable[..., Page], filled: FakeAws) -> None:
    page = console()
    page.get_by_label("Show").select_option("the last 12 h")
    drawn(page)
    sent = filled.payloads(SHOWN)[-1]["widgetContext"]["timeRange"]
    assert sent["end"] - sent["start"] == 43_200_000
    wanted, start, end = filled.asked[-1]
    assert (end - start).total_seconds() == 43_200
    assert wanted[0].period == 300


class Clock:
    """The page's clock, moved by the test: waiting takes no time."""

    def __init__(self, seat: Callable[..., Desk], url: str, aws: FakeAws) -> None:
        self._aws = aws
        self._desk = seat(url)
        self._desk.page.clock.install()
        self.page = self._desk.open()

    def loads(self, seconds: int) -> int:
        """Return how often the page loads the pipeline in that time."""
        before = len(self._aws.payloads(SHOWN))
        for _ in range(seconds):
            self.page.clock.run_for(1000)
            drawn(self.page)
        return len(self._aws.payloads(SHOWN)) - before


@pytest.fixture
def clock(seat: Callable[..., Desk], server: Any, filled: FakeAws) -> Clock:
    return Clock(seat, server.url, filled)


def test_page_refreshes_every_five_seconds_during_a_deployment(clock: Clock, filled: FakeAws) -> None:
    assert clock.loads(20) == 0
    assert 3 <= filled.looked <= 5
    filled.runs = True
    assert 3 <= clock.loads(22) <= 5
    filled.runs = False
    assert clock.loads(20) == 1
    assert clock.loads(120) in (1, 2)


def test_refresh_can_be_chosen_and_turned_off(clock: Clock, filled: FakeAws) -> None:
    filled.runs = True
    clock.page.get_by_role("combobox", name="Refresh").select_option("Off")
    assert clock.loads(70) == 0
    clock.page.get_by_role("combobox", name="Refresh").select_option("10 s")
    assert 2 <= clock.loads(31) <= 4


def test_nothing_is_refreshed_under_an_open_dialog(clock: Clock, filled: FakeAws) -> None:
    filled.runs = True
    clock.page.get_by_role("button", name="Roll back").click()
    expect(clock.page.get_by_role("dialog")).to_be_visible()
    assert clock.loads(30) == 0
    clock.page.keyboard.press("Escape")
    assert clock.loads(12) >= 1


def test_widget_with_unsent_text_is_not_refreshed(clock: Clock, filled: FakeAws) -> None:
    filled.runs = True
    field = clock.page.get_by_label("Why")
    field.focus()
    before = len(filled.payloads(WAITS))
    assert clock.loads(22) >= 3
    assert len(filled.payloads(WAITS)) == before
    # Unsent text prevents a refresh too, wherever the focus is.
    field.fill("half a rea")
    clock.page.get_by_role("button", name="Refresh now").focus()
    clock.loads(12)
    assert len(filled.payloads(WAITS)) == before
    expect(field).to_have_value("half a rea")
    expect(widget(clock.page, "What waits for you")).to_contain_text("Not refreshed while there is something")
    field.fill("")
    clock.page.get_by_role("button", name="Refresh now").focus()
    clock.loads(12)
    assert len(filled.payloads(WAITS)) > before


def test_refresh_keeps_focus_and_opened_details(clock: Clock, filled: FakeAws) -> None:
    turn = iter(range(100))
    filled.functions[SHOWN] = lambda _: (
        f"<p>{next(turn)}</p><details><summary>More</summary>of it</details><button>Act</button>"
    )
    filled.runs = True
    clock.loads(6)
    clock.page.get_by_text("More").click()
    clock.page.get_by_role("button", name="Act").focus()
    before = widget(clock.page, "Pipeline").locator("p").last.inner_text()
    clock.loads(6)
    assert widget(clock.page, "Pipeline").locator("p").last.inner_text() != before
    expect(clock.page.get_by_text("of it")).to_be_visible()
    expect(clock.page.get_by_role("button", name="Act")).to_be_focused()


def test_changed_dashboard_is_laid_out_again(clock: Clock, filled: FakeAws) -> None:
    filled.runs = True
    filled.widgets = [custom(SHOWN, "A new one")]
    clock.loads(7)
    expect(widget(clock.page, "A new one")).to_be_visible()
    assert len(boxes(clock.page)) == 1


def test_page_without_a_dashboard_says_how_to_get_one(seat: Callable[..., Desk], server: Any, aws: FakeAws) -> None:
    aws.widgets = None
    page = seat(server.url).open()
    expect(page.get_by_role("main")).to_contain_text("it comes with `lifecycle local up`")


def test_restarted_console_asks_for_a_reload(seat: Callable[..., Desk], server: Any, filled: FakeAws) -> None:
    page = seat(server.url).open()
    server.guard = type(server.guard)(server.guard.port, "the token of another start")
    page.get_by_role("button", name="Refresh now").click()
    expect(page.get_by_role("status")).to_contain_text("reload it")


def test_call_that_is_never_answered_does_not_end_the_refreshes(
    seat: Callable[..., Desk], server: Any, filled: FakeAws
) -> None:
    desk = seat(server.url)
    # A second is 5 ms here.
    desk.page.add_init_script(
        "const real = AbortSignal.timeout.bind(AbortSignal); AbortSignal.timeout = (ms) => real(ms / 200);"
    )
    desk.page.route("**/api/running", lambda _: None)
    page = desk.open()
    expect(page.get_by_role("status")).to_have_text("the console did not answer within 90 s")
    desk.page.unroute("**/api/running")
    filled.runs = True
    before = len(filled.payloads(SHOWN))
    until(page, lambda: len(filled.payloads(SHOWN)) > before)
    expect(page.locator("#status")).to_have_text("")


def test_widget_can_be_enlarged_and_reduced(console: Callable[..., Page], filled: FakeAws) -> None:
    page = console()
    before = boxes(page)[1]["width"]
    larger = widget(page, "Pipeline").get_by_role("button", name="Enlarge")
    larger.click()
    assert boxes(page)[1]["width"] > 1200
    page.keyboard.press("Escape")
    assert boxes(page)[1]["width"] == before


def test_page_has_landmarks_and_headings(console: Callable[..., Page], filled: FakeAws) -> None:
    page = console()
    expect(page.get_by_role("banner")).to_be_visible()
    expect(page.get_by_role("main")).to_be_visible()
    assert page.get_by_role("heading", level=1).inner_text().startswith("Lifecycle")
    titles = page.get_by_role("heading", level=2).all_inner_texts()
    assert titles == ["Pipeline", "What waits for you", "Requests", "Errors", "Alarms"]
    assert page.evaluate("document.documentElement.lang") == "en"


def test_address_names_what_is_shown_and_back_returns(
    seat: Callable[..., Desk], server: Any, filled: FakeAws
) -> None:
    desk = seat(f"{server.url}?environment=production")
    page = desk.open()
    first = filled.payloads(WAITS)[-1]
    assert (first.get("service", ""), first["environment"]) == ("", "production")
    page.get_by_label("Service").fill("hello")
    page.get_by_label("Service").press("Enter")
    until(page, lambda: filled.payloads(WAITS)[-1].get("service") == "hello")
    assert page.url.endswith("?service=hello&environment=production")
    # The widget's own fields, which may name another service, do not count this once.
    assert filled.payloads(WAITS)[-1]["pressed"]
    page.go_back()
    until(page, lambda: "service" not in filled.payloads(WAITS)[-1])
    page.get_by_role("button", name="Show all").click()
    until(page, lambda: "environment" not in filled.payloads(WAITS)[-1])
    expect(page.get_by_role("button", name="Show all")).to_be_hidden()


def test_parameters_of_the_dashboard_count_before_the_address(
    seat: Callable[..., Desk], server: Any, filled: FakeAws
) -> None:
    seat(f"{server.url}?service=other").open()
    assert filled.payloads(SHOWN)[-1]["service"] == "hello"


def test_widget_is_as_high_as_its_content(console: Callable[..., Page], filled: FakeAws) -> None:
    page = console(width=1600)
    pipeline, waits = boxes(page)[1:3]
    assert pipeline["height"] < waits["height"]
    assert page.evaluate(
        "() => [...document.querySelectorAll('.body')].every((one) => one.scrollHeight <= one.clientHeight)"
    )


def test_old_content_says_its_age(clock: Clock, filled: FakeAws) -> None:
    page = clock.page
    age = widget(page, "Pipeline").locator(".age")
    expect(age).to_have_text("")
    page.get_by_role("combobox", name="Refresh").select_option("Off")
    assert clock.loads(75) == 0
    expect(age).to_have_text("1 min old")


def test_widget_shows_an_outline_until_its_first_answer(
    seat: Callable[..., Desk], server: Any, filled: FakeAws
) -> None:
    desk = seat(server.url)
    desk.page.route("**/api/invoke", lambda _: None)  # never answered
    desk.page.goto(desk.url)
    expect(widget(desk.page, "Pipeline").locator(".skeleton")).to_be_visible()

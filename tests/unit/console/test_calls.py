"""How CloudWatch calls a widget, and what it gets when something is wrong: a sentence, never an error."""

from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lifecycle.application.console_actions import ConsoleAction
from lifecycle.console.context import ViewContext
from lifecycle.console.html import Markup
from lifecycle.domain.errors import Refused
from lifecycle.entrypoints.widget import Button, WidgetCall, button, widget
from tests.unit.console.desk import HERE, VIEWS, Desk
from tests.unit.console.read_widget import seen

CONTEXT = SimpleNamespace(invoked_function_arn=f"{HERE}show-clusters")


def widget_context(**more: Any) -> dict[str, Any]:
    """What CloudWatch sends with every call."""
    return {
        "dashboardName": "lifecycle",
        "widgetId": "widget-1",
        "accountId": "000000000000",
        "locale": "en",
        "timezone": {"label": "UTC", "offsetISO": "+00:00", "offsetInMinutes": 0},
        "period": 300,
        "isAutoPeriod": True,
        "timeRange": {
            "mode": "relative",
            "start": 1,
            "end": 2,
            "relativeStart": 1,
            "zoom": {"start": 1, "end": 2},
        },
        "theme": "light",
        "linkCharts": True,
        "title": "Hosts",
        "forms": {"all": {}},
        "params": {},
        "width": 588,
        "height": 369,
        **more,
    }


def call(desk: Desk, view: str, **event: Any) -> Any:
    """Call a widget as CloudWatch does."""

    @widget("Shows it.", "service")
    def handle(call: WidgetCall, context: ViewContext) -> Markup:
        return VIEWS[view](desk.query, call, context)

    return handle({"widgetContext": widget_context(), **event}, CONTEXT)


def failing(error: Exception) -> str:
    @widget("Shows it.", "none")
    def handle(call: WidgetCall, context: ViewContext) -> Markup:
        raise error

    return str(handle({"widgetContext": widget_context()}, CONTEXT))


def test_asked_to_describe_itself_it_answers_in_markdown(desk: Desk) -> None:
    answer = call(desk, "clusters", describe=True)
    assert answer == {"markdown": "## Lifecycle\nShows it.\n\nParameters, all of them optional: service."}


def test_warmed_it_does_nothing(desk: Desk) -> None:
    assert call(desk, "clusters", warm=True) == {}


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_answers_with_html_in_the_theme_of_the_page(desk: Desk, view: str, theme: str) -> None:
    html = call(desk, view, widgetContext=widget_context(theme=theme))
    assert f'<div class="lc lc-{theme}">' in html
    assert f"<style>.lc.lc-{theme}{{" in html
    assert "<script" not in html
    assert seen(html).text


def test_its_buttons_call_itself_and_the_function_that_acts(desk: Desk) -> None:
    desk.halted()
    buttons = seen(call(desk, "questions")).buttons
    assert {each.attributes["endpoint"] for each in buttons} == {f"{HERE}act"}
    assert {each.attributes["display"] for each in buttons} == {"popup"}
    assert all(each.confirmation for each in buttons)


def test_the_widgets_own_fields_go_before_its_parameters_but_not_before_a_button() -> None:
    forms = {"all": {"lc-service": "", "lc-environment": "staging", "lc-page": "3"}}
    given = {"service": "hello", "widgetContext": widget_context(forms=forms)}
    drawn_again, pressed = (
        WidgetCall.model_validate(given),
        WidgetCall.model_validate({**given, "pressed": True}),
    )
    assert (drawn_again.scope.service, drawn_again.scope.environment, drawn_again.scope.page) == (
        *("", "staging"),
        3,
    )
    assert (pressed.scope.service, pressed.scope.environment, pressed.scope.page) == ("hello", "", 1)


@pytest.mark.parametrize("page", ["", "x", "-1", "999999999", "1.5"])
def test_a_page_that_is_none_is_the_first(page: str) -> None:
    call = WidgetCall.model_validate({"widgetContext": widget_context(forms={"all": {"lc-page": page}})})
    assert call.scope.page == 1


@pytest.mark.parametrize(
    ("event", "told"),
    [
        ({"service": "other"}, "There is no cluster of other; known: production/hello"),
        ({"environment": "moon"}, "'moon' is not a environment"),
        ({"page": "first"}, "The parameters are not what was expected: page:"),
        ({"days": 0}, "The parameters are not what was expected: days:"),
        (
            {"widgetContext": {"width": "wide"}},
            "The parameters are not what was expected: widgetContext.width",
        ),
    ],
)
def test_what_cannot_be_shown_is_told_with_what_was_expected(
    desk: Desk, event: dict[str, Any], told: str
) -> None:
    assert told in seen(call(desk, "clusters", **event)).text


def test_a_store_that_refuses_is_a_sentence() -> None:
    refusal = {"Error": {"Code": "AccessDeniedException", "Message": "not authorized"}}
    told = seen(failing(ClientError(refusal, "Query"))).text
    assert "A store did not answer as expected" in told
    assert "AccessDeniedException" in told


def test_an_error_that_nobody_expected_is_a_sentence_too() -> None:
    assert "the log of this function says where" in seen(failing(RuntimeError("boom"))).text
    assert "boom" not in failing(RuntimeError("boom"))


def test_a_button_carries_who_pressed_it_and_why() -> None:
    asked: list[ConsoleAction] = []

    @button
    def act(pressed: Button, context: ViewContext) -> Markup:
        asked.append(pressed.to_action())
        raise Refused("it", ["seen"])

    forms = {"all": {"lc-why-3": "  it is slow ", "lc-by": "grace"}}
    event = {"action": "pause", "deployment": "d", "reason_field": "lc-why-3"}
    told = act({**event, "widgetContext": widget_context(forms=forms)}, CONTEXT)
    act({**event, "by": "ada"}, CONTEXT)
    assert "It is refused: seen" in seen(told).text
    assert [(each.by, each.why) for each in asked] == [("grace", "it is slow"), ("ada", "")]


@pytest.mark.parametrize(
    "event",
    [{}, {"action": "destroy"}, {"action": "pause", "hosts": "all"}, {"action": "decide", "choice": "X"}],
)
def test_a_press_that_is_not_understood_does_nothing(event: dict[str, Any]) -> None:
    asked: list[Button] = []

    @button
    def act(pressed: Button, context: ViewContext) -> Markup:
        asked.append(pressed)
        raise AssertionError

    assert "The parameters are not what was expected" in seen(act(event, CONTEXT)).text
    assert not asked


def test_an_answer_carries_the_operators_words_into_no_tag(desk: Desk) -> None:
    desk.machine.memory.fleet.quarantine_host(
        desk.machine.context.registry.clusters()[0], "host-1", "<script>alert(1)</script>"
    )
    html = call(desk, "clusters")
    assert "<script" not in html
    assert "&lt;script&gt;" in html

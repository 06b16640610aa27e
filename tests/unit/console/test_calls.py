"""Calls of a widget by CloudWatch: every error becomes a sentence in the widget."""

from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lifecycle.application.console_action import ConsoleAction
from lifecycle.console.context import ViewContext
from lifecycle.console.html import Markup
from lifecycle.domain.errors import Refused
from lifecycle.entrypoints.widget import Button, WidgetCall, button, widget
from tests.support.account import FUNCTIONS, Account, handler
from tests.support.invocation import Invocation
from tests.unit.console.desk import HERE, VIEWS, Desk
from tests.unit.console.read_widget import read_widget

CONSOLE = sorted(name for name, path in FUNCTIONS.items() if path.parts[-3] == "console")
NO_PAGES: tuple[Any, ...] = ("\u0663", ["1"], {}, 1e400)
CONTEXT = SimpleNamespace(invoked_function_arn=f"{HERE}show-clusters", function_name="lifecycle-show-clusters")


def widget_context(**more: Any) -> dict[str, Any]:
    """Return the context that CloudWatch sends with every call."""
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


def test_describe_call_is_answered_in_markdown(desk: Desk) -> None:
    answer = call(desk, "clusters", describe=True)
    assert answer == {"markdown": "## Lifecycle\nShows it.\n\nParameters, all of them optional: service."}


def test_warm_up_call_returns_nothing(desk: Desk) -> None:
    assert call(desk, "clusters", warm=True) == {}


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_widget_is_html_in_the_theme_of_the_page(desk: Desk, view: str, theme: str) -> None:
    html = call(desk, view, widgetContext=widget_context(theme=theme))
    assert f'<div class="lc lc-{theme}">' in html
    assert f"<style>.lc.lc-{theme}{{" in html
    assert "<script" not in html
    assert read_widget(html).text


def test_buttons_call_the_function_that_acts_after_a_confirmation(desk: Desk) -> None:
    desk.halted()
    buttons = read_widget(call(desk, "questions")).buttons
    assert {each.attributes["endpoint"] for each in buttons} == {f"{HERE}act"}
    assert all(each.confirmation or each.params.get("preview") for each in buttons)


def test_fields_override_parameters_until_a_button_is_pressed() -> None:
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
def test_invalid_page_number_means_the_first_page(page: str) -> None:
    call = WidgetCall.model_validate({"widgetContext": widget_context(forms={"all": {"lc-page": page}})})
    assert call.scope.page == 1


@pytest.mark.parametrize(
    ("event", "sentence"),
    [
        ({"service": "other"}, "Cluster of other not found; known: production/hello"),
        ({"environment": "moon"}, "'moon' is not an environment; allowed: staging, production"),
        ({"page": "first"}, "The parameters are invalid: page:"),
        ({"days": 0}, "The parameters are invalid: days:"),
        (
            {"widgetContext": {"width": "wide"}},
            "The parameters are invalid: widgetContext.width",
        ),
    ],
)
def test_invalid_parameter_is_explained_in_the_widget(desk: Desk, event: dict[str, Any], sentence: str) -> None:
    assert sentence in read_widget(call(desk, "clusters", **event)).text


@pytest.mark.parametrize("name", CONSOLE)
@pytest.mark.parametrize(
    "event",
    [
        *({"widgetContext": {"width": width}} for width in ("inf", "-inf", "nan", 1e400, float("nan"), 1e308)),
        *([], "text", None, 5, {"widgetContext": []}, {"page": {"a": 1}}, {"days": 1e400}),
        *({"widgetContext": {"forms": {"all": {"lc-page": each}}}} for each in NO_PAGES),
    ],
)
def test_nonsense_is_answered_by_every_function_of_the_console(
    monkeypatch: pytest.MonkeyPatch, name: str, event: Any
) -> None:
    Account.of().use(monkeypatch)
    drawn = handler(name).handle(event, Invocation(f"lifecycle-{name}"))
    assert '<div class="lc lc-light">' in drawn
    assert "failed unexpectedly" not in drawn


def test_refusal_of_aws_is_a_sentence() -> None:
    refusal = {"Error": {"Code": "AccessDeniedException", "Message": "not authorized"}}
    drawn = read_widget(failing(ClientError(refusal, "Query"))).text
    assert "IAM denies DynamoDB Query: AccessDeniedException: not authorized; use a profile or a role" in drawn


def test_unexpected_error_is_a_sentence_without_details() -> None:
    assert "see the log of its function" in read_widget(failing(RuntimeError("boom"))).text
    assert "boom" not in failing(RuntimeError("boom"))


def test_button_carries_the_person_and_the_reason() -> None:
    asked: list[ConsoleAction] = []

    @button
    def act(pressed: Button, context: ViewContext) -> Markup:
        asked.append(pressed.to_action())
        raise Refused("it", ["seen"])

    forms = {"all": {"lc-why-3": "  it is slow ", "lc-by": "grace"}}
    event = {"action": "pause", "deployment": "d", "reason_field": "lc-why-3"}
    drawn = act({**event, "widgetContext": widget_context(forms=forms)}, CONTEXT)
    act({**event, "by": "ada", "proven": True}, CONTEXT)
    assert "It is refused: seen" in read_widget(drawn).text
    assert [(each.by, each.why) for each in asked] == [("console:grace", "it is slow"), ("console:ada", "")]


@pytest.mark.parametrize(
    "event",
    [{}, {"action": "destroy"}, {"action": "pause", "hosts": "all"}, {"action": "decide", "choice": "X"}],
)
def test_invalid_action_does_nothing(event: dict[str, Any]) -> None:
    asked: list[Button] = []

    @button
    def act(pressed: Button, context: ViewContext) -> Markup:
        asked.append(pressed)
        raise AssertionError

    assert "The parameters are invalid" in read_widget(act(event, CONTEXT)).text
    assert not asked


def test_quarantine_reason_is_escaped(desk: Desk) -> None:
    desk.machine.memory.fleet.quarantine_host(
        desk.machine.context.registry.clusters()[0], "host-1", "<script>alert(1)</script>"
    )
    html = call(desk, "clusters")
    assert "<script" not in html
    assert "&lt;script&gt;" in html

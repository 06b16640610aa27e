"""The console's real widgets and buttons over in-memory fakes, as the page calls them."""

import threading
from collections.abc import Callable
from typing import Any

from lifecycle.application.console_actions import confirm, perform
from lifecycle.console.action_result import draw_action_result, draw_refusal
from lifecycle.console.confirmation import draw_confirmation
from lifecycle.console.context import ViewContext
from lifecycle.console.theme import Theme
from lifecycle.domain.errors import LifecycleError
from lifecycle.entrypoints.widget import Button, WidgetCall
from tests.integration.console.fake_aws import FakeAws, arn, custom
from tests.unit.console.desk import Desk, draw

# The names of functions/console/show_*, and where infra/constructs/dashboard.py puts them.
VIEWS = {
    "questions": ("What waits for you", 0, 0, 24, 8),
    "clusters": ("Services and hosts", 0, 8, 24, 12),
    "pipeline": ("From push to production", 0, 20, 24, 10),
    "deployment": ("Deployment", 0, 30, 12, 10),
    "test-bed": ("Test bed against its control", 12, 30, 12, 12),
    "history": ("What happened, and who did it", 0, 42, 24, 12),
    "dora": ("DORA figures, 30 days", 0, 54, 24, 6),
}


def furnish(aws: FakeAws, desk: Desk) -> None:
    """Give the fake every widget and the function that acts; a rollout goes on at once after an action."""
    one_at_a_time = threading.Lock()

    def shows(view: str) -> Callable[[dict[str, Any]], str]:
        def show(payload: dict[str, Any]) -> str:
            with one_at_a_time:
                return str(draw(desk.query, view, _frame(desk, f"lifecycle-show-{view}", payload), **payload))

        return show

    def act(payload: dict[str, Any]) -> str:
        with one_at_a_time:
            context = _frame(desk, "lifecycle-act", payload)
            asked = Button.model_validate(payload).to_action()
            try:
                if asked.preview:
                    return str(draw_confirmation(confirm(desk.query, asked, "c0de"), context))
                done = perform(desk.query, asked, "c0de")
            except LifecycleError as error:
                return str(draw_refusal(error, context))
            if payload.get("deployment"):
                desk.machine.run(str(payload["deployment"]))
            return str(draw_action_result(done, context))

    aws.widgets = []
    for view, (title, x, y, width, height) in VIEWS.items():
        name = f"lifecycle-show-{view}"
        aws.widgets.append(custom(name, title, x, y) | {"width": width, "height": height})
        aws.functions[name] = shows(view)
    aws.functions["lifecycle-act"] = act


def _frame(desk: Desk, function: str, payload: dict[str, Any]) -> ViewContext:
    context = payload["widgetContext"]
    theme, width = Theme(context["theme"]), max(280, int(context["width"]))
    call = WidgetCall.model_validate({"widgetContext": context})
    return ViewContext(theme, width, arn(function), arn("lifecycle-act"), desk.machine.now, call.scope)

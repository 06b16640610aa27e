"""What a press did, or why it did nothing."""

from lifecycle.application.console_actions import ActionResult
from lifecycle.application.queries.state_words import Tone
from lifecycle.console.components import badge, soft, widget
from lifecycle.console.context import ViewContext
from lifecycle.console.html import Markup, tag
from lifecycle.domain.errors import LifecycleError


def draw_action_result(done: ActionResult, context: ViewContext) -> Markup:
    """One sentence, and which deployment to look at."""
    look = tag("p", soft(f"WidgetCall at {done.deployment} in the dashboard.")) if done.deployment else None
    return widget(
        context,
        tag(
            "div",
            tag("p", badge(Tone.GOOD, "done"), " ", done.message),
            look,
            class_="lc-card",
            role="status",
        ),
    )


def draw_refusal(error: LifecycleError, context: ViewContext) -> Markup:
    """The refusal, in the words that the command line has for it."""
    told = tag("p", badge(Tone.WARN, "not done"), " ", str(error))
    look = tag("p", soft("Nothing was changed. Refresh the widget to see how it stands now."))
    return widget(context, tag("div", told, look, class_="lc-card", role="alert"))

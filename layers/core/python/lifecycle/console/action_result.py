"""The answer to a button: the result of its action, or the reason why nothing was done.

Drawn for functions/console/act.
"""

from lifecycle.application.console_action import ActionResult
from lifecycle.application.queries.state_words import Tone
from lifecycle.console.components import badge, soft, widget
from lifecycle.console.context import ViewContext
from lifecycle.console.html import Markup, tag
from lifecycle.domain.errors import LifecycleError


def draw_action_result(done: ActionResult, context: ViewContext) -> Markup:
    """Draw the sentence about an action, and the deployment to look at."""
    look = tag("p", soft(f"WidgetCall at {done.deployment} in the dashboard.")) if done.deployment else None
    return widget(
        context,
        tag("div", tag("p", badge(Tone.GOOD, "done"), " ", done.message), look, class_="lc-card", role="status"),
    )


def draw_refusal(error: LifecycleError, context: ViewContext) -> Markup:
    """Draw a refusal, in the words of the command line."""
    refusal = tag("p", badge(Tone.WARN, "not done"), " ", str(error))
    look = tag("p", soft("Nothing was changed. Refresh the widget to see the current state."))
    return widget(context, tag("div", refusal, look, class_="lc-card", role="alert"))

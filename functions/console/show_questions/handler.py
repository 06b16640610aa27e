"""Everything that waits for a human, with evidence and buttons; a custom widget of the console, which only reads."""

from lifecycle.application.queries.pending_decisions import view_pending_decisions
from lifecycle.console.context import ViewContext
from lifecycle.console.html import Markup
from lifecycle.console.pending_decisions import draw_pending_decisions
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.widget import WidgetCall, widget


@widget(
    "Shows what waits for a human, the evidence, what each answer would do, and its button.",
    "service, environment",
)
def handle(call: WidgetCall, context: ViewContext) -> Markup:
    """Read, and draw."""
    return draw_pending_decisions(view_pending_decisions(bootstrap.console(), call.scope), context)

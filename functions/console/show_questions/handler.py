"""Widget of decisions: everything that waits for a person, with evidence and buttons; it only reads."""

from lifecycle.application.queries.pending_decisions import view_pending_decisions
from lifecycle.console.context import ViewContext
from lifecycle.console.html import Markup
from lifecycle.console.pending_decisions import draw_pending_decisions
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.widget import WidgetCall, widget


@widget(
    "Shows what waits for a person: the evidence, the effect of each choice, and its button.", "service, environment"
)
def handle(call: WidgetCall, context: ViewContext) -> Markup:
    """Read the view, and draw it."""
    return draw_pending_decisions(view_pending_decisions(bootstrap.console(), call.scope), context)

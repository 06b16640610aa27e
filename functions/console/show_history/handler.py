"""Widget of history: recent deployments, and the trail of who did what and why; it only reads."""

from lifecycle.application.queries.history import view_history
from lifecycle.console.context import ViewContext
from lifecycle.console.history import draw_history
from lifecycle.console.html import Markup
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.widget import WidgetCall, widget


@widget("Shows the newest deployments, and the trail of who did what and why.", "service, environment")
def handle(call: WidgetCall, context: ViewContext) -> Markup:
    """Read the view, and draw it."""
    return draw_history(view_history(bootstrap.console(), call.scope), context)

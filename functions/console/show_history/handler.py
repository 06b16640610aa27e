"""What was deployed lately, and who did what and why; a custom widget of the console, which only reads."""

from lifecycle.application.queries.history import view_history
from lifecycle.console.context import ViewContext
from lifecycle.console.history import draw_history
from lifecycle.console.html import Markup
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.widget import WidgetCall, widget


@widget("Shows the newest deployments, and the trail of who did what and why.", "service, environment")
def handle(call: WidgetCall, context: ViewContext) -> Markup:
    """Read, and draw."""
    return draw_history(view_history(bootstrap.console(), call.scope), context)

"""Every cluster's hosts as tiles; a custom widget of the console, which only reads."""

from lifecycle.application.queries.hosts import view_hosts
from lifecycle.console.context import ViewContext
from lifecycle.console.hosts import draw_hosts
from lifecycle.console.html import Markup
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.widget import WidgetCall, widget


@widget(
    "Shows the hosts of each cluster: version, state, turn, zone, and why one is not as it should be.",
    "service, environment",
)
def handle(call: WidgetCall, context: ViewContext) -> Markup:
    """Read, and draw."""
    return draw_hosts(view_hosts(bootstrap.console(), call.scope), context)

"""Widget of hosts: a tile for each host of every cluster; it only reads."""

from lifecycle.application.queries.hosts import view_hosts
from lifecycle.console.context import ViewContext
from lifecycle.console.hosts import draw_hosts
from lifecycle.console.html import Markup
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.widget import WidgetCall, widget


@widget(
    "Shows the hosts of each cluster: version, state, host command, zone, and what needs attention.",
    "service, environment",
)
def handle(call: WidgetCall, context: ViewContext) -> Markup:
    """Read the view, and draw it."""
    return draw_hosts(view_hosts(bootstrap.console(), call.scope), context)

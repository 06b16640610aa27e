"""Widget of services and hosts: a row for each service, or a tile for each host; it only reads."""

from lifecycle.application.queries.hosts import view_hosts
from lifecycle.console.context import ViewContext
from lifecycle.console.hosts import draw_hosts
from lifecycle.console.html import Markup
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.widget import WidgetCall, widget


@widget(
    "Shows each service in each environment: version, state, since when, by whom, commits behind; of one its hosts.",
    "service, environment, find, sort",
)
def handle(call: WidgetCall, context: ViewContext) -> Markup:
    """Read the view, and draw it."""
    return draw_hosts(view_hosts(bootstrap.console(), call.scope), context)

"""Widget of DORA figures: four for each service; it only reads."""

from lifecycle.application.queries.dora import view_dora
from lifecycle.console.context import ViewContext
from lifecycle.console.dora import draw_dora
from lifecycle.console.html import Markup
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.widget import WidgetCall, widget


@widget(
    "Shows deployment frequency, lead time, change failure rate and time to restore of each service.",
    "service, days (30)",
)
def handle(call: WidgetCall, context: ViewContext) -> Markup:
    """Read the view, and draw it."""
    return draw_dora(view_dora(bootstrap.console(), call.scope, call.days), context)

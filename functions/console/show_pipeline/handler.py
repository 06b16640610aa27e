"""Widget of the pipeline: a lane for each service, from push to production; it only reads."""

from lifecycle.application.queries.pipeline import view_pipeline
from lifecycle.console.context import ViewContext
from lifecycle.console.html import Markup
from lifecycle.console.pipeline import draw_pipeline
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.widget import WidgetCall, widget


@widget("Shows each service from its last push to production, with buttons to promote, deploy and freeze.", "service")
def handle(call: WidgetCall, context: ViewContext) -> Markup:
    """Read the view, and draw it."""
    return draw_pipeline(view_pipeline(bootstrap.console(), call.scope), context)

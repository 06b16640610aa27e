"""Widget of test beds: each against its control, with the verdict; it only reads."""

from lifecycle.application.queries.test_beds import view_test_beds
from lifecycle.console.context import ViewContext
from lifecycle.console.html import Markup
from lifecycle.console.test_bed import draw_test_bed
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.widget import WidgetCall, widget


@widget(
    "Shows the test bed against its control: a chart for each metric, and the verdict with its reason.",
    "service, environment",
)
def handle(call: WidgetCall, context: ViewContext) -> Markup:
    """Read the view, and draw it."""
    return draw_test_bed(view_test_beds(bootstrap.console(), call.scope), context)

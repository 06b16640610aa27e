"""The test bed against its control, with the verdict; a custom widget of the console, which only reads."""

from lifecycle import wiring
from lifecycle.application.queries.test_beds import beds
from lifecycle.console.frame import Frame
from lifecycle.console.markup import Markup
from lifecycle.console.test_bed import draw_test_bed
from lifecycle.widget import Look, widget


@widget(
    "Shows the test bed against its control: a chart a metric, and the verdict with its reason.",
    "service, environment",
)
def handle(look: Look, frame: Frame) -> Markup:
    """Read, and draw."""
    return draw_test_bed(beds(wiring.console(), look.wanted), frame)

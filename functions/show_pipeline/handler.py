"""The pipeline from push to production, a lane a service; a custom widget of the console, which only reads."""

from lifecycle import wiring
from lifecycle.application.queries.pipeline import pipeline
from lifecycle.console.frame import Frame
from lifecycle.console.markup import Markup
from lifecycle.console.pipeline import draw_pipeline
from lifecycle.widget import Look, widget


@widget(
    "Shows each service from its last push to production, with buttons to promote, deploy and freeze.",
    "service",
)
def handle(look: Look, frame: Frame) -> Markup:
    """Read, and draw."""
    return draw_pipeline(pipeline(wiring.console(), look.wanted), frame)

"""The four DORA figures of each service; a custom widget of the console, which only reads."""

from lifecycle import wiring
from lifecycle.application.queries.dora import figures
from lifecycle.console.dora import draw_dora
from lifecycle.console.frame import Frame
from lifecycle.console.markup import Markup
from lifecycle.widget import Look, widget


@widget(
    "Shows deployment frequency, lead time, change failure rate and time to restore, a service each.",
    "service, days (30)",
)
def handle(look: Look, frame: Frame) -> Markup:
    """Read, and draw."""
    return draw_dora(figures(wiring.console(), look.wanted, look.days), frame)

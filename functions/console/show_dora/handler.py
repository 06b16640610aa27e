"""The four DORA figures of each service; a custom widget of the console, which only reads."""

from lifecycle.application.queries.dora import figures
from lifecycle.console.context import Frame
from lifecycle.console.dora import draw_dora
from lifecycle.console.html import Markup
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.widget import Look, widget


@widget(
    "Shows deployment frequency, lead time, change failure rate and time to restore, a service each.",
    "service, days (30)",
)
def handle(look: Look, frame: Frame) -> Markup:
    """Read, and draw."""
    return draw_dora(figures(bootstrap.console(), look.wanted, look.days), frame)

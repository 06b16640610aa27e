"""What was deployed lately, and who did what and why; a custom widget of the console, which only reads."""

from lifecycle.application.queries.history import past
from lifecycle.console.context import Frame
from lifecycle.console.history import draw_history
from lifecycle.console.html import Markup
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.widget import Look, widget


@widget("Shows the newest deployments, and the trail of who did what and why.", "service, environment")
def handle(look: Look, frame: Frame) -> Markup:
    """Read, and draw."""
    return draw_history(past(bootstrap.console(), look.wanted), frame)

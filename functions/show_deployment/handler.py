"""The deployment that runs, or ran last, as a timeline; a custom widget of the console, which only reads."""

from lifecycle import wiring
from lifecycle.application.queries.deployment import courses
from lifecycle.console.deployment import draw_deployment
from lifecycle.console.frame import Frame
from lifecycle.console.markup import Markup
from lifecycle.widget import Look, widget


@widget(
    "Shows one deployment: each try on each host, what it asked, what it was told, and its trail.",
    "service, environment, deployment",
)
def handle(look: Look, frame: Frame) -> Markup:
    """Read, and draw."""
    return draw_deployment(courses(wiring.console(), look.wanted, look.one), frame)

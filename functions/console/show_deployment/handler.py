"""The deployment that runs, or ran last, as a timeline; a custom widget of the console, which only reads."""

from lifecycle.application.queries.deployment import courses
from lifecycle.console.context import Frame
from lifecycle.console.deployment import draw_deployment
from lifecycle.console.html import Markup
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.widget import Look, widget


@widget(
    "Shows one deployment: each try on each host, what it asked, what it was told, and its trail.",
    "service, environment, deployment",
)
def handle(look: Look, frame: Frame) -> Markup:
    """Read, and draw."""
    return draw_deployment(courses(bootstrap.console(), look.wanted, look.one), frame)

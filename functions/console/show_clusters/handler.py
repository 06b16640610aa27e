"""Every cluster's hosts as tiles; a custom widget of the console, which only reads."""

from lifecycle.application.queries.hosts import fleet
from lifecycle.console.context import Frame
from lifecycle.console.hosts import draw_clusters
from lifecycle.console.html import Markup
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.widget import Look, widget


@widget(
    "Shows the hosts of each cluster: version, state, turn, zone, and why one is not as it should be.",
    "service, environment",
)
def handle(look: Look, frame: Frame) -> Markup:
    """Read, and draw."""
    return draw_clusters(fleet(bootstrap.console(), look.wanted), frame)

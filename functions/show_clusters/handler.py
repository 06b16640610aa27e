"""Every cluster's hosts as tiles; a custom widget of the console, which only reads."""

from lifecycle import wiring
from lifecycle.application.queries.hosts import fleet
from lifecycle.console.clusters import draw_clusters
from lifecycle.console.frame import Frame
from lifecycle.console.markup import Markup
from lifecycle.widget import Look, widget


@widget(
    "Shows the hosts of each cluster: version, state, turn, zone, and why one is not as it should be.",
    "service, environment",
)
def handle(look: Look, frame: Frame) -> Markup:
    """Read, and draw."""
    return draw_clusters(fleet(wiring.console(), look.wanted), frame)

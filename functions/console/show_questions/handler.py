"""Everything that waits for a human, with evidence and buttons; a custom widget of the console, which only reads."""

from lifecycle.application.queries.pending_decisions import all_waiting
from lifecycle.console.context import Frame
from lifecycle.console.html import Markup
from lifecycle.console.pending_decisions import draw_questions
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.widget import Look, widget


@widget(
    "Shows what waits for a human, the evidence, what each answer would do, and its button.",
    "service, environment",
)
def handle(look: Look, frame: Frame) -> Markup:
    """Read, and draw."""
    return draw_questions(all_waiting(bootstrap.console(), look.wanted), frame)

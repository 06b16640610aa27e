"""Everything that waits for a human, with evidence and buttons; a custom widget of the console, which only reads."""

from lifecycle import wiring
from lifecycle.application.queries.pending_decisions import all_waiting
from lifecycle.console.frame import Frame
from lifecycle.console.markup import Markup
from lifecycle.console.questions import draw_questions
from lifecycle.widget import Look, widget


@widget(
    "Shows what waits for a human, the evidence, what each answer would do, and its button.",
    "service, environment",
)
def handle(look: Look, frame: Frame) -> Markup:
    """Read, and draw."""
    return draw_questions(all_waiting(wiring.console(), look.wanted), frame)

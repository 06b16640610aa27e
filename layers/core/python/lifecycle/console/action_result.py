"""What a press did, or why it did nothing."""

from lifecycle.application.console_actions import Pressed
from lifecycle.console.components import badge, soft, widget
from lifecycle.console.context import Frame
from lifecycle.console.html import Markup, tag
from lifecycle.console.theme import Tone
from lifecycle.domain.errors import LifecycleError


def draw_pressed(done: Pressed, frame: Frame) -> Markup:
    """One sentence, and which deployment to look at."""
    look = tag("p", soft(f"Look at {done.deployment} in the dashboard.")) if done.deployment else None
    return widget(
        frame,
        tag("div", tag("p", badge(Tone.GOOD, "done"), " ", done.told), look, class_="lc-card", role="status"),
    )


def draw_refused(error: LifecycleError, frame: Frame) -> Markup:
    """The refusal, in the words that the command line has for it."""
    told = tag("p", badge(Tone.WARN, "not done"), " ", str(error))
    look = tag("p", soft("Nothing was changed. Refresh the widget to see how it stands now."))
    return widget(frame, tag("div", told, look, class_="lc-card", role="alert"))

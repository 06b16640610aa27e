"""The buttons of the console; a function of its own, so that IAM says who may press."""

import secrets

from lifecycle import wiring
from lifecycle.application.console_actions import press
from lifecycle.console.frame import Frame
from lifecycle.console.markup import Markup
from lifecycle.console.pressed import draw_pressed, draw_refused
from lifecycle.domain.errors import LifecycleError
from lifecycle.widget import Button, button


@button
def handle(pressed: Button, frame: Frame) -> Markup:
    """Do it, and say what was done, or why it was refused."""
    try:
        return draw_pressed(press(wiring.console(), pressed.press(), secrets.token_hex(2)), frame)
    except LifecycleError as error:
        return draw_refused(error, frame)

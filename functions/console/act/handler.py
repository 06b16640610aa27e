"""The buttons of the console; a function of its own, so that IAM says who may press."""

import secrets

from lifecycle.application.console_actions import press
from lifecycle.console.action_result import draw_pressed, draw_refused
from lifecycle.console.context import Frame
from lifecycle.console.html import Markup
from lifecycle.domain.errors import LifecycleError
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.widget import Button, button


@button
def handle(pressed: Button, frame: Frame) -> Markup:
    """Do it, and say what was done, or why it was refused."""
    try:
        return draw_pressed(press(bootstrap.console(), pressed.press(), secrets.token_hex(2)), frame)
    except LifecycleError as error:
        return draw_refused(error, frame)

"""The buttons of the console; a function of its own, so that IAM says who may press."""

import secrets

from lifecycle.application.console_actions import perform
from lifecycle.console.action_result import draw_action_result, draw_refusal
from lifecycle.console.context import ViewContext
from lifecycle.console.html import Markup
from lifecycle.domain.errors import LifecycleError
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.widget import Button, button


@button
def handle(pressed: Button, context: ViewContext) -> Markup:
    """Do it, and say what was done, or why it was refused."""
    try:
        return draw_action_result(
            perform(bootstrap.console(), pressed.to_action(), secrets.token_hex(2)), context
        )
    except LifecycleError as error:
        return draw_refusal(error, context)

"""The actions of the console's buttons; one function, so that IAM decides which principals may act."""

import secrets
from dataclasses import asdict

from lifecycle.application.console_actions import confirm, perform
from lifecycle.console.action_result import draw_action_result, draw_refusal
from lifecycle.console.confirmation import draw_confirmation
from lifecycle.console.context import ViewContext
from lifecycle.console.html import Markup
from lifecycle.domain.errors import LifecycleError
from lifecycle.entrypoints import bootstrap, caller
from lifecycle.entrypoints.widget import Button, button


@button
def handle(pressed: Button, context: ViewContext) -> Markup:
    """Perform the action, and draw its result or its refusal; a preview draws its plan."""
    asked, suffix = pressed.to_action(), secrets.token_hex(2)
    try:
        if asked.preview:
            return draw_confirmation(confirm(bootstrap.console(), asked, suffix), context)
        return draw_action_result(perform(bootstrap.console(), asked, suffix), context)
    except LifecycleError as error:
        if not asked.preview:
            caller.record_refusal(asdict(asked), asked.action, asked.by, str(error))
        return draw_refusal(error, context)

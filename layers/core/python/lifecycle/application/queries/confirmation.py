"""The confirmation of a deployment or a rollback: its plan, as the plan's phase would decide now.

Made by application/console_actions.py, drawn by console/confirmation.py.
"""

from dataclasses import dataclass

from lifecycle.application.console_action import ConsoleAction
from lifecycle.domain.rollout.actions import Permission
from lifecycle.domain.rollout.deployment import Request
from lifecycle.domain.rollout.plan import Plan
from lifecycle.domain.rollout.rollback_words import RollbackFacts
from lifecycle.domain.service.target import Target


@dataclass(frozen=True, slots=True)
class Confirmation:
    """The start that a button offers. `drawn_from` binds its second press to the state of the cluster that was shown.

    `rollback` is what a rollback brings; None for a deployment.
    """

    asked: ConsoleAction
    request: Request
    plan: Plan
    permission: Permission
    serves: Target | None
    drawn_from: str
    rollback: RollbackFacts | None = None

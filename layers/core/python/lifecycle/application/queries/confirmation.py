"""The confirmation of a deployment or a rollback: its plan, as the plan's phase would decide now.

Made by application/console_actions.py, drawn by console/confirmation.py.
"""

from dataclasses import dataclass

from lifecycle.domain.rollout.actions import Action, Permission
from lifecycle.domain.rollout.deployment import Request
from lifecycle.domain.rollout.plan import Plan
from lifecycle.domain.rollout.rollback_words import RollbackFacts
from lifecycle.domain.service.target import Target


@dataclass(frozen=True, slots=True)
class Confirmation:
    """The start that a button offers. `drawn_from` binds its second press to the state of the cluster that was shown.

    `deployment` is the one to roll back, and `rollback` what that brings; empty and None for a deployment.
    """

    action: Action
    request: Request
    plan: Plan
    permission: Permission
    serves: Target | None
    drawn_from: str
    deployment: str = ""
    rollback: RollbackFacts | None = None

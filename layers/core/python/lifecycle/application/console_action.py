"""An action that a person asked for in the console, and its result.

Made by entrypoints/widget.py; performed by console_actions.py, after confirm_action.py has shown its effect.
"""

from dataclasses import dataclass

from lifecycle.application.operator_command import RequestedBy
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.actions import Action, needs_reason
from lifecycle.domain.rollout.decision import Choice


@dataclass(frozen=True, slots=True)
class ConsoleAction:
    """One press of a button: the person, the reason, and those ids on the button that the action needs."""

    action: Action
    by: str
    why: str = ""
    service: str = ""
    environment: str = ""
    version: str = ""
    deployment: str = ""
    question: str = ""
    host: str = ""
    attempt: int = 0
    choice: Choice | None = None
    scope: str = ""
    run: str = ""
    subject: str = ""  # what is quarantined or removed: a version, a configuration or a host
    until: str = ""  # the end of a freeze, as it was typed
    preview: bool = False  # the first press: show the plan, and change nothing
    drawn_from: str = ""  # the records behind the button: a cluster's `state.token`, or the time of a freeze

    @property
    def cluster(self) -> Cluster:
        return Cluster(self.environment, self.service)

    @property
    def needs_reason(self) -> bool:
        return needs_reason(self.action, self.choice)

    @property
    def who(self) -> RequestedBy:
        return RequestedBy(self.by, self.why)


@dataclass(frozen=True, slots=True)
class ActionResult:
    """One sentence about the action, and the deployment that it started or changed, if any."""

    message: str
    deployment: str = ""

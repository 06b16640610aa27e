"""What a deployment waits for: which of its questions are open, and what kind of answer each wants; pure.

Used by the command line and the console, so that both ask the same.
"""

from collections.abc import Sequence
from enum import StrEnum

from lifecycle.domain.deployment import Deployment, DeploymentState
from lifecycle.domain.questions import ROLLBACK_REQUEST, Question


class Asks(StrEnum):
    """What a question wants."""

    DECISION = "a decision"
    APPROVAL = "an approval"
    RESUME = "a resume"


# A state of the rollout waits for these; a pause stands in any state.
_ASKED_IN = {DeploymentState.HALTED: Asks.DECISION, DeploymentState.AWAITING_APPROVAL: Asks.APPROVAL}


def asks(question: Question) -> Asks:
    """What this question wants."""
    if question.host:
        return Asks.DECISION
    return Asks.RESUME if question.pauses else Asks.APPROVAL


def open_questions(deployment: Deployment | None, questions: Sequence[Question]) -> list[Question]:
    """What a deployment waits for, the most pressing first; nothing once its rollback was asked for."""
    if deployment is None or deployment.state.final:
        return []
    if any(q.id == ROLLBACK_REQUEST and q.answer for q in questions):
        return []
    found = []
    for wanted in Asks:
        mine = [q for q in questions if q.id != ROLLBACK_REQUEST and asks(q) is wanted]
        newest = max(mine, key=lambda q: q.asked_at, default=None)
        if newest and not newest.answer and wanted in (Asks.RESUME, _ASKED_IN.get(deployment.state)):
            found.append(newest)
    return found

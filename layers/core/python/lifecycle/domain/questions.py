"""What a rollout asks humans, what they may answer, and what they answered.

Asked by `next_step` and by operators who pause or roll back; answered through functions/decide and approve.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from lifecycle.domain.attempts import Blame
from lifecycle.domain.manifest import ApprovalGate


class Choice(StrEnum):
    """What a human may say: five decisions on a failed host, two on an approval, and to pause or resume.

    EXTEND is a third answer where a test bed is undecided.
    """

    RETRY = "RETRY"
    SKIP_HOST = "SKIP_HOST"
    FORCE_NEXT = "FORCE_NEXT"
    ROLL_BACK = "ROLL_BACK"
    ABORT = "ABORT"
    APPROVE = "APPROVE"
    REJECT = "REJECT"
    PAUSE = "PAUSE"
    RESUME = "RESUME"
    EXTEND = "EXTEND"


CONSEQUENCES = {
    Choice.RETRY: "try this host again from the start",
    Choice.SKIP_HOST: "leave this host drained and out of the deployment; finish the others",
    Choice.FORCE_NEXT: "leave this host drained, go on to the next, and ask again about it at the end",
    Choice.ROLL_BACK: "deploy the previous version to every host that this deployment touched",
    Choice.ABORT: "stop here: touch no further host, leave everything as it is",
    Choice.APPROVE: "go on with the rollout",
    Choice.REJECT: "do not go on; hosts already updated get the previous version back",
    Choice.PAUSE: "stop before the next host, until somebody resumes",
    Choice.RESUME: "go on with the next host",
    Choice.EXTEND: "let the test bed bake for as long again, and judge it then",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: what, by whom, why and when."""

    choice: Choice
    by: str
    why: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Question:
    """What a rollout waits for: a decision on one attempt of one host, an approval at a gate, or a resume.

    A question about a test bed has its number as `attempt` and no host. `again` counts the questions asked about
    the same attempt before: clocks differ, this number does not.
    `token` is the execution's task token, set when it waits. `effects` says what each choice would do here.
    Unanswered past `expires_at`, an approval counts as rejected, and a decision is asked anew: an old question
    takes no answer.
    """

    deployment: str
    id: str
    choices: tuple[Choice, ...]
    reason: str
    asked_at: datetime
    host: str = ""
    attempt: int = 0
    again: int = 0
    gate: ApprovalGate = ApprovalGate.NONE
    evidence: str = ""
    expires_at: datetime | None = None
    token: str = ""
    answer: Answer | None = None
    blame: Blame = Blame.NONE
    diagnosis: str = ""
    effects: dict[Choice, str] = field(default_factory=dict)

    def expired(self, now: datetime) -> bool:
        """Whether its time is over without an answer."""
        return self.answer is None and self.expires_at is not None and now >= self.expires_at

    @property
    def pauses(self) -> bool:
        """Whether it is an operator's pause, which waits for a resume."""
        return self.id.startswith(PAUSE)


# The id under which an operator's rollback of a running deployment is recorded; it is asked of nobody.
ROLLBACK_REQUEST = "rollback-request"
# What the ids of pauses begin with; a deployment may be paused more than once.
PAUSE = "pause-"

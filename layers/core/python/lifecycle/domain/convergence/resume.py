"""Resumption of a deployment whose execution has ended: at once, later, or after a human's answer.

Used by decide.py. One lost execution is continued at once. Where one after another ends without a step, something
fails that another execution does not mend: each waits longer, and then convergence pauses the deployment and asks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from lifecycle.domain.rollout.decision import Answer, Choice, Question, open_questions
from lifecycle.domain.rollout.deployment import Deployment
from lifecycle.domain.rollout.execution import next_execution

# Executions that convergence starts before it asks, as long as none of them takes a step.
RESUME_LIMIT = 3
# The second one waits this long after the first, and each one after it twice as long as the one before.
FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=14), timedelta(hours=4)


@dataclass(frozen=True, slots=True)
class Resume:
    """A new execution of a deployment that holds the lease, but whose last execution has ended."""

    deployment: str
    execution: str
    reason: str


@dataclass(frozen=True, slots=True)
class ResumeLater:
    """No execution yet: the last ones ended without a step, and the next one waits longer, or for an answer."""

    reason: str


@dataclass(frozen=True, slots=True)
class AskToResume:
    """A pause, with a question to humans: starting one execution after another does not help."""

    deployment: str
    reason: str


@dataclass(frozen=True, slots=True)
class AbortUnresumed:
    """The end of a deployment that a human aborted instead of resuming it."""

    deployment: str
    reason: str


Resumption: TypeAlias = Resume | ResumeLater | AskToResume | AbortUnresumed


def resume(holder: Deployment, questions: Sequence[Question], now: datetime) -> Resumption:
    """Decide how a deployment goes on whose execution has ended before it did.

    Convergence acts at once on an answer since its last try. It does not ask while a decision is pending: the
    execution that waited for that one may have ended with a restart.
    """
    tried, execution = holder.resumptions, holder.execution
    reason = f"the execution {execution} of {holder.id} has ended before its deployment did"
    again = Resume(holder.id, next_execution(execution), reason)
    if not tried.count or tried.last is None:
        return again
    if answer := _answer_since(questions, tried.last):
        aborts = answer.choice is Choice.ABORT and tried.count >= RESUME_LIMIT
        return AbortUnresumed(holder.id, f"aborted by {answer.by}: {answer.why}") if aborts else again
    waits = [question for question in open_questions(holder, questions) if not question.expired(now)]
    if tried.count >= RESUME_LIMIT and not waits:
        why = f"{tried.count} executions ended one after another without a step; see the error of {execution}"
        return AskToResume(holder.id, why)
    due = tried.last + min(FIRST_PAUSE * 2 ** min(tried.count - 1, 10), LONGEST_PAUSE)
    return (
        again if now >= due else ResumeLater(f"{reason}, as others before it; the next one starts at {due:%H:%M} UTC")
    )


def _answer_since(questions: Sequence[Question], last: datetime) -> Answer | None:
    answers = [question.answer for question in questions if question.answer and question.answer.at > last]
    return max(answers, key=lambda answer: answer.at, default=None)

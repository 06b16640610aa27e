"""Answers: find the pending decision or approval of a deployment, and record the answer to it.

Used by decide, pause and rollback in this folder.
"""

from collections.abc import Callable

from lifecycle.application.context import Context
from lifecycle.application.rollout.task_tokens import signal
from lifecycle.domain.errors import Refused
from lifecycle.domain.rollout.decision import Answer, Question, QuestionKind
from lifecycle.domain.rollout.deployment import Deployment


def open_question(context: Context, current: Deployment, matches: Callable[[Question], bool], what: str) -> Question:
    """Return the pending decision, approval or pause that `matches`, the newest one if there are several.

    Raises Refused with the answer that it has already, and with what the deployment still waits for.
    """
    now = context.clock.now()
    asked = [q for q in context.deployments.questions(current.id) if q.kind is not QuestionKind.ROLLBACK]
    open_ = [q for q in asked if not q.answer and not q.expired(now)]
    matching = [q for q in open_ if matches(q)] or [q for q in asked if matches(q)]
    newest = max(matching, key=lambda q: (q.again, q.asked_at), default=None)
    if current.state.final:
        raise Refused(what, [f"{current.id} has ended: {current.state}, {current.reason}"])
    waits = "; ".join(f"it waits for {_subject(q)}" for q in open_) or "it waits for no answer"
    if newest is None:
        why = f", {current.reason}" if current.reason else ""
        raise Refused(what, [f"{current.id} is {current.state}{why}", waits])
    if newest.answer:
        given = newest.answer
        # The signal that resumes the execution may have been lost.
        signal(context, newest.id, newest.token)
        answered = f"{given.by} answered {given.choice} at {given.at:%Y-%m-%d %H:%M:%S} UTC: {given.why}"
        raise Refused(what, [answered, waits])
    return newest


def _subject(question: Question) -> str:
    if question.host:
        return f"the decision on {question.host}, attempt {question.attempt}"
    return (
        "the end of a pause"
        if question.kind is QuestionKind.RESUME
        else f"the approval {question.gate.replace('_', ' ')}"
    )


def refuse_late_answer(context: Context, question: Question, answer: Answer) -> None:
    """Raise Refused for an answer that comes too late.

    The waiting execution is resumed: it then ends as rejected (an approval), or asks again (a decision).
    """
    if question.expires_at is None or answer.at < question.expires_at:
        return
    signal(context, question.id, question.token)
    again = "decide again, on the new question" if question.host else "start the deployment again"
    raise Refused("the answer", [f"{question.id} expired at {question.expires_at:%Y-%m-%d %H:%M:%S} UTC; {again}"])


def record_answer(context: Context, current: Deployment, question: Question, answer: Answer) -> Question:
    """Record the answer and resume the execution that waits for it; raises Refused for an unknown choice."""
    if answer.choice not in question.choices:
        offered = ", ".join(question.choices)
        raise Refused(f"{answer.choice}", [f"{question.id} of {current.id} offers {offered}"])
    what = f"answered {answer.choice}"
    context.record(current.cluster, what, answer.by, answer.why, deployment=current.id, host=question.host)
    answered = context.deployments.answer(question, answer)
    signal(context, answered.id, answered.token)
    return answered

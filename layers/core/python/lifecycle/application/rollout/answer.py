"""Answers: find the open decision of a deployment, and record the answer to it.

Used by decide, pause and rollback in this folder.
"""

from collections.abc import Callable

from lifecycle.application.context import Context
from lifecycle.domain.errors import Refused
from lifecycle.domain.rollout.decision import Answer, Question, QuestionKind
from lifecycle.domain.rollout.deployment import Deployment


def open_question(
    context: Context, current: Deployment, fits: Callable[[Question], bool], what: str
) -> Question:
    """The question that is open; otherwise a refusal that says what became of it."""
    now = context.clock.now()
    asked = [q for q in context.deployments.questions(current.id) if q.kind is not QuestionKind.ROLLBACK]
    open_ = [q for q in asked if not q.answer and not q.expired(now)]
    fitting = [q for q in open_ if fits(q)] or [q for q in asked if fits(q)]
    newest = max(fitting, key=lambda q: (q.again, q.asked_at), default=None)
    if current.state.final:
        raise Refused(what, [f"{current.id} has ended: {current.state}, {current.reason}"])
    told = "; ".join(f"it asks about {_subject(q)}" for q in open_) or "it asks for nothing else"
    if newest is None:
        why = f", {current.reason}" if current.reason else ""
        raise Refused(what, [f"{current.id} is {current.state}{why}", told])
    if newest.answer:
        given = newest.answer
        context.executions.answer_token(
            newest.token, {"question": newest.id}
        )  # its wake-up may have been lost
        said = f"{given.by} answered {given.choice} at {given.at:%Y-%m-%d %H:%M:%S} UTC: {given.why}"
        raise Refused(what, [said, told])
    return newest


def _subject(question: Question) -> str:
    if question.host:
        return f"{question.host}, attempt {question.attempt}"
    return (
        "the end of a pause"
        if question.kind is QuestionKind.RESUME
        else f"an approval {question.gate.replace('_', ' ')}"
    )


def refuse_late_answer(context: Context, question: Question, answer: Answer) -> None:
    """An answer whose time is over does nothing but wake the rollout, which then rejects, or asks anew."""
    if question.expires_at is None or answer.at < question.expires_at:
        return
    context.executions.answer_token(question.token, {"question": question.id})
    again = "look at it as it is now, and decide again" if question.host else "ask for the deployment again"
    raise Refused(
        "the answer", [f"{question.id} expired at {question.expires_at:%Y-%m-%d %H:%M:%S} UTC; {again}"]
    )


def record_answer(context: Context, current: Deployment, question: Question, answer: Answer) -> Question:
    """Record the answer to an open question, and resume the execution that waits for it; raises Refused."""
    if answer.choice not in question.choices:
        offered = ", ".join(question.choices)
        raise Refused(f"{answer.choice}", [f"{question.id} of {current.id} offers {offered}"])
    what = f"answered {answer.choice}"
    context.record(current.cluster, what, answer.by, answer.why, deployment=current.id, host=question.host)
    answered = context.deployments.answer(question, answer)
    if answered.token:
        context.executions.answer_token(answered.token, {"question": question.id})
    return answered

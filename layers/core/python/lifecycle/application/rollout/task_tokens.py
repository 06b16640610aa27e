"""Task tokens: resume an execution that waits for an answer.

The record of the answer is the truth; resuming the execution is a hint, because next_step reads the records.
"""

from lifecycle.application.context import Context
from lifecycle.domain.errors import Unknown
from lifecycle.domain.rollout.decision import QuestionKind
from lifecycle.domain.rollout.deployment import Deployment


def resume_unanswered(context: Context, name: str, host: str = "") -> None:
    """Wake what waits for an answer that is not needed any more: on this host, or at all."""
    for question in context.deployments.questions(name):
        if question.token and not question.answer and host in ("", question.host):
            context.executions.answer_token(question.token, {"question": question.id})


def resume_answered(context: Context, current: Deployment) -> list[str]:
    """Wake what still waits although its answer is there, or its time is over; returns the questions' ids.

    The rollout then reads the answer, ends as rejected (an approval), or asks anew (a decision).
    """
    now = context.clock.now()
    # Only the newest few can be waited for: older ones were answered, or asked anew.
    newest = sorted(context.deployments.questions(current.id), key=lambda q: q.asked_at)[-3:]
    late = [q for q in newest if q.token and (q.answer or q.expired(now))]
    return [q.id for q in late if context.executions.answer_token(q.token, {"question": q.id})]


def await_answer(context: Context, name: str, question_id: str, token: str) -> None:
    """Note which task waits for a question's answer; wake it at once when the answer is there. Raises Unknown."""
    questions = context.deployments.questions(name)
    asked = {q.id: q for q in questions}
    if question_id not in asked:
        raise Unknown("question", question_id)
    standing = context.deployments.attach_token(asked[question_id], token)
    if standing.answer or any(q.kind is QuestionKind.ROLLBACK and q.answer for q in questions):
        context.executions.answer_token(token, {"question": question_id})

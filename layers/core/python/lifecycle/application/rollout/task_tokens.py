"""Task tokens: resume executions that wait for an answer.

Called by functions/rollout/await_human, and wherever an answer is given or no longer needed. Only the
recorded answer counts: next_step reads it. The signal to the execution merely resumes it sooner.
"""

from collections.abc import Mapping
from datetime import timedelta

from lifecycle.application.context import Context
from lifecycle.application.polling import answered, pauses
from lifecycle.domain.errors import Unknown
from lifecycle.domain.fleet.host import HostReport
from lifecycle.domain.rollout.decision import QuestionKind
from lifecycle.domain.rollout.deployment import Deployment

# A throttled signal is repeated for so long: a person waits for it, and convergence signals again only later.
_LONGEST, _LONGEST_PAUSE = timedelta(seconds=20), 4.0


def signal(context: Context, question: str, token: str) -> None:
    """Resume the task that waits with this token, if there is one."""
    if token:
        deadline = context.clock.now() + _LONGEST
        between = pauses(_LONGEST_PAUSE, question)

        def answer() -> bool:
            return context.executions.answer_token(token, {"question": question})

        # Only a hint: False says that no task waits any more, and the rollout reads the recorded answer.
        _ = answered(context.clock, deadline, answer, between)


def resume_unanswered(context: Context, name: str, host: str = "") -> None:
    """Resume what waits for an answer that is no longer needed: about `host`, or about anything."""
    for question in context.deployments.questions(name):
        if not question.answer and host in ("", question.host):
            signal(context, question.id, question.token)


def resume_answered(context: Context, current: Deployment) -> list[str]:
    """Resume what still waits for a question that is answered or has expired; returns the questions' ids.

    The rollout then reads the answer. Without one, it ends as rejected (an approval) or asks again (a
    decision).
    """
    now = context.clock.now()
    # Executions wait for the newest few only: older ones have an answer, or were asked again.
    newest = sorted(context.deployments.questions(current.id), key=lambda q: q.asked_at)[-3:]
    ended = [q for q in newest if q.token and (q.answer or q.expired(now))]
    return [q.id for q in ended if context.executions.answer_token(q.token, {"question": q.id})]


def resume_for_fallen(context: Context, current: Deployment, reports: Mapping[str, HostReport]) -> list[str]:
    """Resume a deployment that waits while a host fell that it had updated; returns such hosts.

    It then asks about the host that fell (domain/rollout/fallen.py). A host that it has asked about is none of them.
    """
    fell = {host: report for host, report in reports.items() if report.ended and _is_updated(current, report)}
    questions = context.deployments.questions(current.id) if fell else ()
    asked = {(each.host, each.attempt) for each in questions}
    new = [host for host, report in fell.items() if (host, report.attempt) not in asked]
    for question in questions if new else ():
        if not question.answer:
            signal(context, question.id, question.token)
    return new


def _is_updated(current: Deployment, report: HostReport) -> bool:
    version = (report.installed, report.digest) == (current.target.version, current.target.digest)
    return version and (report.deployment, report.epoch, report.running) == (current.id, current.epoch, False)


def await_answer(context: Context, name: str, question_id: str, token: str) -> None:
    """Record the task that waits for an answer, or resume it at once if there is one. Raises Unknown."""
    questions = context.deployments.questions(name)
    asked = {q.id: q for q in questions}
    if question_id not in asked:
        raise Unknown("question", question_id, "See `lifecycle status`.", of=name)
    question = context.deployments.attach_token(asked[question_id], token)
    # Nothing resumes a task whose token was not stored: the answer came first, or the record is gone.
    not_stored = question.answer or question.token != token
    if not_stored or any(q.kind is QuestionKind.ROLLBACK and q.answer for q in questions):
        signal(context, question_id, token)

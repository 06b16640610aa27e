"""Pause, resume and cancel a deployment.

Called by functions/rollout/decide through application/rollout/decide.py.
"""

from dataclasses import replace
from datetime import datetime

from lifecycle.application.context import Context
from lifecycle.application.rollout import observe, queue
from lifecycle.application.rollout.answer import open_question, record_answer
from lifecycle.application.rollout.task_tokens import resume_unanswered
from lifecycle.domain.errors import Refused
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.actions import Action, ActionFacts, permission
from lifecycle.domain.rollout.decision import CONSEQUENCES, Answer, Choice, Question, QuestionKind, pause_id
from lifecycle.domain.rollout.deployment import DeploymentState


def pause(context: Context, cluster: Cluster, name: str, answer: Answer) -> Question:
    """Stop a deployment before its next host; raises Unknown, and Refused if it has ended or is paused already."""
    current = observe.deployment(context, cluster, name)
    pauses = [q for q in context.deployments.questions(name) if q.kind is QuestionKind.RESUME]
    facts = ActionFacts(answer.at, cluster, deployment=current, questions=pauses)
    if refusals := permission(Action.PAUSE, facts).refusals:
        raise Refused(f"the pause of {name}", refusals)
    why = f": {answer.why}" if answer.why else ""
    reason = f"paused by {answer.by} at {answer.at:%Y-%m-%d %H:%M:%S} UTC{why}"
    context.record(cluster, "pause", answer.by, answer.why, deployment=name)
    return context.deployments.ask(_pause(name, len(pauses), reason, answer.at))


def ask_to_resume(context: Context, cluster: Cluster, name: str, reason: str) -> None:
    """Pause a deployment that no execution carries on, and ask; convergence then acts on the answer.

    Raises Unknown.
    """
    current, now = observe.deployment(context, cluster, name), context.clock.now()
    pauses = sum(q.kind is QuestionKind.RESUME for q in context.deployments.questions(name))
    context.record_action(cluster, name, "pause", reason)
    _ = context.deployments.ask(_pause(name, pauses, reason, now))  # asked before: the same pause
    paused = replace(current, state=DeploymentState.PAUSED, reason=reason)
    _ = context.deployments.put(paused)  # refused: it has ended, and convergence finds that


def _pause(name: str, number: int, reason: str, at: datetime) -> Question:
    choices = (Choice.RESUME, Choice.ABORT)
    return Question(
        deployment=name,
        id=pause_id(str(number)),
        kind=QuestionKind.RESUME,
        choices=choices,
        reason=reason,
        asked_at=at,
        effects={choice: CONSEQUENCES[choice] for choice in choices},
    )


def resume(context: Context, cluster: Cluster, name: str, answer: Answer) -> Question:
    """Continue or abort a paused deployment; raises Unknown, and Refused if it is not paused."""
    current = observe.deployment(context, cluster, name)
    question = open_question(context, current, lambda q: q.kind is QuestionKind.RESUME, "the end of the pause")
    answered = record_answer(context, current, question, answer)
    if answer.choice is Choice.ABORT:
        resume_unanswered(context, name)
    return answered


def cancel(context: Context, cluster: Cluster, name: str, answer: Answer) -> Question:
    """End a deployment in the pending slot, or abort a paused one; raises Unknown, Refused."""
    current = observe.deployment(context, cluster, name)
    if current.state is not DeploymentState.QUEUED:
        return resume(context, cluster, name, answer)
    why = f"cancelled by {answer.by}: {answer.why}"
    queue.close_pending(context, current.request, DeploymentState.ABORTED, why)
    return Question(
        deployment=name,
        id="queued",
        kind=QuestionKind.RESUME,
        choices=(Choice.ABORT,),
        reason=current.reason,
        asked_at=current.started_at,
        answer=answer,
    )

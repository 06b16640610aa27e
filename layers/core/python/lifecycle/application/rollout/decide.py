"""Answers from humans: a decision on a failed host, an approval at a gate, a rollback of what runs.

Called by functions/rollout/decide and functions/rollout/approve. The record of the answer is the truth; waking the waiting
execution is a hint, because next_step reads the records.
"""

from lifecycle.application.context import Context
from lifecycle.application.rollout import observe
from lifecycle.application.rollout.answer import open_question, record_answer, refuse_late_answer
from lifecycle.application.rollout.pause import cancel, pause, resume
from lifecycle.application.rollout.rollback import request_rollback
from lifecycle.domain.errors import Refused
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.decision import Answer, Choice, Question
from lifecycle.domain.service.policy import ApprovalGate


def decide(
    context: Context, cluster: Cluster, name: str, host: str, attempt: int, answer: Answer
) -> Question:
    """Answer the open question about exactly this host and attempt; raises Unknown, Refused (expired ones too).

    A host that is to be tried again is no longer quarantined: if it fails again, it will be.
    """
    current = observe.deployment(context, cluster, name)
    what = f"the decision on {host}, attempt {attempt}"
    question = open_question(context, current, lambda q: (q.host, q.attempt) == (host, attempt), what)
    refuse_late_answer(context, question, answer)
    if answer.choice is Choice.RETRY and host in context.fleet.quarantined_hosts(cluster):
        why = f"to be tried again: {answer.why}"
        context.record(cluster, f"lift the quarantine of {host}", answer.by, why, deployment=name, host=host)
        context.fleet.lift_quarantine(cluster, host)
    return record_answer(context, current, question, answer)


def approve(context: Context, cluster: Cluster, name: str, answer: Answer) -> Question:
    """Approve or reject what the deployment waits for; raises Unknown, Refused (expired ones too)."""
    current = observe.deployment(context, cluster, name)
    question = open_question(context, current, lambda q: q.gate is not ApprovalGate.NONE, "an approval")
    refuse_late_answer(context, question, answer)
    requester = current.request.requested_by
    if answer.choice is Choice.APPROVE and current.policy.approval_by_another and answer.by == requester:
        why = f"{requester} asked for {name}, and the policy of {cluster} wants somebody else to approve it"
        raise Refused("the approval", [why])
    return record_answer(context, current, question, answer)


def answer_deployment(context: Context, cluster: Cluster, name: str, answer: Answer) -> Question:
    """What an operator says of a whole deployment, unasked: pause, resume or abort it, or roll it back.

    Raises Unknown, Refused.
    """
    said = {
        Choice.PAUSE: pause,
        Choice.RESUME: resume,
        Choice.ABORT: cancel,
        Choice.ROLL_BACK: request_rollback,
    }
    if answer.choice not in said:
        raise Refused(f"{answer.choice}", [f"expected a host and an attempt, or one of {', '.join(said)}"])
    return said[answer.choice](context, cluster, name, answer)

"""Operators' answers: a decision on a failed host, an approval at a gate, a command to a whole deployment.

Called by functions/rollout/decide and functions/rollout/approve. Only the recorded answer counts: next_step
reads it. The signal to the waiting execution merely resumes it sooner.
"""

from collections.abc import Callable, Mapping

from lifecycle.application.context import Context
from lifecycle.application.rollout import observe
from lifecycle.application.rollout.answer import open_question, record_answer, refuse_late_answer
from lifecycle.application.rollout.assign import assign
from lifecycle.application.rollout.pause import cancel, pause, resume
from lifecycle.application.rollout.policy_floors import read_floors
from lifecycle.application.rollout.rollback import request_rollback
from lifecycle.domain.errors import Refused
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.decision import Answer, Choice, Question
from lifecycle.domain.rollout.deployment import Deployment
from lifecycle.domain.rollout.gates import approval_refusal
from lifecycle.domain.service.policy import ApprovalGate


def decide(context: Context, cluster: Cluster, name: str, host: str, attempt: int, answer: Answer) -> Question:
    """Answer the decision about exactly this host and attempt; raises Unknown, and Refused also when it expired.

    RETRY lifts the host's quarantine; the host is quarantined again if it fails again.
    """
    current = observe.deployment(context, cluster, name)
    what = f"the decision on {host}, attempt {attempt}"
    question = open_question(context, current, lambda q: (q.host, q.attempt) == (host, attempt), what)
    refuse_late_answer(context, question, answer)
    if answer.choice is Choice.RETRY and host in context.fleet.quarantined_hosts(cluster):
        why = f"RETRY: {answer.why}"
        context.record(cluster, f"lift the quarantine of {host}", answer.by, why, deployment=name, host=host)
        context.fleet.lift_quarantine(cluster, host)
    return record_answer(context, current, question, answer)


def approve(context: Context, cluster: Cluster, name: str, answer: Answer, shown: str = "") -> Question:
    """Approve or reject what the deployment waits for; raises Unknown, and Refused also when it expired.

    `shown` is the question that the person saw: a later gate is another one, and needs an answer of its own.
    """
    current = observe.deployment(context, cluster, name)
    question = open_question(context, current, lambda q: q.gate is not ApprovalGate.NONE, "an approval")
    if shown not in ("", question.id):
        raise Refused("the approval", [f"it answers {shown}, and {name} waits for {question.id} now: look again"])
    refuse_late_answer(context, question, answer)
    if answer.choice is Choice.APPROVE:
        _check_approver(context, current, answer.by)
    return record_answer(context, current, question, answer)


def _check_approver(context: Context, current: Deployment, by: str) -> None:
    """Raise Refused for a person who may not approve, as the policy and the floors of now say."""
    floors = read_floors(context, current.cluster)
    if floors.unreadable:  # nobody knows whether it must be another person
        raise Refused("the approval", floors.unreadable)
    if why := approval_refusal(current.under_floors(floors.known, began=True), by):
        raise Refused("the approval", [why])


def answer_deployment(context: Context, cluster: Cluster, name: str, answer: Answer) -> Question:
    """Record an operator's command about a whole deployment; raises Unknown, and Refused for an unknown one."""
    commands: Mapping[Choice, Callable[[Context, Cluster, str, Answer], Question]] = {
        Choice.PAUSE: pause,
        Choice.RESUME: resume,
        Choice.ABORT: cancel,
        Choice.ROLL_BACK: request_rollback,
        Choice.ASSIGN: assign,
    }
    if answer.choice not in commands:
        allowed = ", ".join(commands)
        raise Refused(f"{answer.choice}", [f"expected a host and an attempt, or one of {allowed}"])
    return commands[answer.choice](context, cluster, name, answer)

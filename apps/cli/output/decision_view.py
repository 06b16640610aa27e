"""A question to a human, as an operator reads it: what failed, who is to blame, and what can be typed now.

Used by status, watch, deploy, decide and pause; pure, so that every place says the same.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeAlias

from apps.cli.output.text import ahead, indented, minute, one_line
from lifecycle.domain.rollout.attempt import Blame
from lifecycle.domain.rollout.decision import CONSEQUENCES, Choice, Question, QuestionKind
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState, cluster_of

__all__ = [
    "Command",
    "answer_line",
    "answers",
    "asked",
    "effect",
    "question_facts",
    "what_now",
]

Command: TypeAlias = Callable[[str], str]

_BLAMED = {Blame.HOST: "the HOST", Blame.VERSION: "the VERSION", Blame.UNCLEAR: "UNCLEAR"}


def asked(question: Question, now: datetime) -> list[str]:
    """What happened: the host and attempt, the reason, the diagnosis, how long it is asked, and the evidence."""
    if question.kind is QuestionKind.RESUME:
        return [f"  {one_line(question.reason, 1200)}; no further host is begun"]
    if question.kind is QuestionKind.APPROVAL:
        return [f"  waits for an approval: {one_line(question.reason)}", *_expiry(question, now)]
    lines = [f"  {question.host}, attempt {question.attempt}, failed: {one_line(question.reason, 2000)}"]
    if question.blame:
        lines.append(f"  to blame: {_BLAMED[question.blame]}: {one_line(question.diagnosis, 1000)}")
    if question.blame is Blame.HOST:
        lines.append(f"  {question.host} is quarantined: later deployments leave it out; RETRY lifts that")
    lines += _expiry(question, now)
    if evidence := indented(question.evidence):
        lines += [f"  {question.evidence_title}:", *evidence]
    return lines


def _expiry(question: Question, now: datetime) -> list[str]:
    if question.expires_at is None:
        return []
    then = "it is asked anew" if question.host else "it counts as rejected"
    if question.expired(now):
        return [f"  expired at {minute(question.expires_at)}: an answer is refused; {then}"]
    return [f"  expires at {ahead(question.expires_at, now)}: then {then}"]


def effect(question: Question, choice: Choice) -> str:
    """What a choice would do here; what it does anywhere, where the question does not say."""
    return question.effects.get(choice) or CONSEQUENCES[choice]


def answers(question: Question, command: Command) -> list[str]:
    """What can be typed: what each choice would do, and under it the whole command."""
    lines = ["  what you can do now:"]
    for choice in question.choices:
        lines += [f"  # {choice}: {effect(question, choice)}", f"  {answer_line(question, choice, command)}"]
    return lines


def answer_line(question: Question, choice: Choice, command: Command) -> str:
    """The command that gives this answer, bound to its deployment, host and attempt."""
    why = "--why '...'"
    if question.kind is QuestionKind.DECISION:
        where = f"--host {question.host} --attempt {question.attempt}"
        return command(f"decide {question.deployment} {choice} {where} {why}")
    if question.kind is QuestionKind.RESUME:
        abort = " --abort" if choice is Choice.ABORT else ""
        return command(f"resume {question.deployment}{abort} {why}")
    service = cluster_of(question.deployment).service
    return command(f"{choice.lower()} {service} --deployment {question.deployment} {why}")


def question_facts(question: Question, command: Command) -> dict[str, Any]:
    """A question for programs. The task token stays out: whoever has it could wake the rollout."""
    return {
        "id": question.id,
        "asks": question.kind.lower(),
        "deployment": question.deployment,
        "host": question.host,
        "attempt": question.attempt,
        "gate": str(question.gate),
        "reason": question.reason,
        "blame": str(question.blame) or None,
        "diagnosis": question.diagnosis,
        "evidence": question.evidence,
        "asked_at": question.asked_at.isoformat(),
        "expires_at": question.expires_at.isoformat() if question.expires_at else None,
        "choices": [
            {
                "choice": str(choice),
                "consequence": effect(question, choice),
                "command": answer_line(question, choice, command),
            }
            for choice in question.choices
        ],
    }


def what_now(deployment: Deployment, command: Command) -> list[str]:
    """What can be typed after a deployment that has ended."""
    cluster = deployment.cluster
    where = "" if cluster.environment == "production" else f" --environment {cluster.environment}"
    see = command(f"status {cluster.service}")
    match deployment.state:
        case DeploymentState.DONE | DeploymentState.SUPERSEDED:
            return [see]
        case DeploymentState.ABORTED | DeploymentState.STALE:
            back = command(f"rollback {cluster.service}{where} --reason '...'")
            return [see, command(f"hosts {cluster.service}"), back]
        case DeploymentState.REFUSED:
            return [see, command(f"plan {cluster.service} {deployment.target.version}{where}")]
        case _:
            return [see, command(f"history {cluster.service} --trail")]

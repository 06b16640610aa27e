"""A question as an operator reads it: the failure, its cause, and the commands that answer it; pure.

Used by status, watch, deploy, decide and pause.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeAlias

from apps.cli.options import environment_flag
from apps.cli.output.text import indented, one_line
from lifecycle.application.queries.pending_decisions import (
    ADVISED,
    assigned_words,
    effect,
    expiry,
    quarantine_notice,
)
from lifecycle.application.queries.state_words import BLAMES
from lifecycle.domain.rollout.decision import Choice, Question, QuestionKind
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState, cluster_of
from lifecycle.names import logs_command

__all__ = ["Command", "answer_command", "choice_lines", "effect", "next_commands", "question_facts", "question_lines"]

Command: TypeAlias = Callable[[str], str]


def question_lines(question: Question, now: datetime) -> list[str]:
    """Return the lines of a question: who is on it, host and attempt, reason, diagnosis, expiry and evidence."""
    return [*([f"  {taken}"] if (taken := assigned_words(question, now)) else []), *_asked_lines(question, now)]


def _asked_lines(question: Question, now: datetime) -> list[str]:
    if question.kind is QuestionKind.RESUME:
        return [f"  {one_line(question.reason, 1200)}; no further host is updated"]
    if question.kind is QuestionKind.APPROVAL:
        return [f"  waits for an approval: {one_line(question.reason, 600)}", *_expiry(question, now)]
    lines = [f"  {question.host}, attempt {question.attempt}, failed: {one_line(question.reason, 2000)}"]
    if question.blame:
        lines.append(f"  {BLAMES[question.blame]}: {one_line(question.diagnosis, 1000)}")
    if notice := quarantine_notice(question):
        lines.append(f"  {notice}")
    lines += _expiry(question, now)
    if evidence := indented(question.evidence):
        lines += [f"  {question.evidence_title}:", *evidence]
    return lines


def _expiry(question: Question, now: datetime) -> list[str]:
    line = expiry(question, now)
    return [f"  {line}"] if line else []


def choice_lines(question: Question, command: Command) -> list[str]:
    """Return the effect of each choice, and under it the whole command."""
    lines = ["  what you can do now:"]
    for choice in question.advised_first:
        mark = f" ({ADVISED})" if choice is question.advised else ""
        lines += [f"  # {choice}{mark}: {effect(question, choice)}", f"  {answer_command(question, choice, command)}"]
    if question.host:
        cluster = cluster_of(question.deployment)
        shown = logs_command(cluster.environment, cluster.service, question.host)
        lines += [f"  # the whole log of {question.host}:", f"  {command(shown)}"]
    return lines


def answer_command(question: Question, choice: Choice, command: Command) -> str:
    """Return the command that gives this answer, bound to its deployment, host and attempt."""
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
    """Return a question for programs, without its task token: the token alone could resume the rollout."""
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
        "assigned": {"by": taken.by, "at": taken.at.isoformat()} if (taken := question.assigned) else None,
        "asked_at": question.asked_at.isoformat(),
        "expires_at": question.expires_at.isoformat() if question.expires_at else None,
        "choices": [
            {
                "choice": str(choice),
                "consequence": effect(question, choice),
                "advised": choice is question.advised,
                "command": answer_command(question, choice, command),
            }
            for choice in question.choices
        ],
    }


def next_commands(deployment: Deployment, command: Command) -> list[str]:
    """Return the commands that make sense after a deployment that has ended."""
    cluster = deployment.cluster
    where = environment_flag(cluster)
    see = command(f"status {cluster.service}")
    match deployment.state:
        case DeploymentState.DONE | DeploymentState.SUPERSEDED:
            return [see]
        case DeploymentState.ABORTED | DeploymentState.STALE:
            back = command(f"rollback {cluster.service}{where} --why '...'")
            return [see, command(f"hosts {cluster.service}"), back]
        case DeploymentState.REFUSED:
            return [see, command(f"plan {cluster.service} {deployment.target.version}{where}")]
        case _:
            return [see, command(f"history {cluster.service} --trail")]

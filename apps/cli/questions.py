"""A question to a human, as an operator reads it: what failed, the host's own words, and what can be typed now.

Used by status, watch, deploy and decide; pure, so that every place says the same.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

from apps.cli.words import indented, moment, one_line
from lifecycle.domain.deployment import CONSEQUENCES, Choice, Deployment, Question

Command: TypeAlias = Callable[[str], str]


def asked(question: Question) -> list[str]:
    """What happened: the host and attempt, the reason, and the evidence."""
    if not question.host:
        until = f", until {moment(question.expires_at)} UTC" if question.expires_at else ""
        return [f"  waits for an approval{until}: {one_line(question.reason)}"]
    lines = [f"  {question.host}, attempt {question.attempt}, failed: {one_line(question.reason, 2000)}"]
    if evidence := indented(question.evidence):
        lines += [f"  the end of the log on {question.host}:", *evidence]
    return lines


def answers(question: Question, command: Command) -> list[str]:
    """What can be typed: each choice's consequence, and under it the whole command."""
    lines = ["  what you can do now:"]
    for choice in question.choices:
        lines += [f"  # {choice}: {CONSEQUENCES[choice]}", f"  {answer_line(question, choice, command)}"]
    return lines


def answer_line(question: Question, choice: Choice, command: Command) -> str:
    """The command that gives this answer, bound to its deployment, host and attempt."""
    why = "--why '...'"
    if question.host:
        where = f"--host {question.host} --attempt {question.attempt}"
        return command(f"decide {question.deployment} {choice} {where} {why}")
    service = question.deployment.rsplit("-", 3)[0]
    return command(f"{choice.lower()} {service} --deployment {question.deployment} {why}")


def question_facts(question: Question, command: Command) -> dict[str, Any]:
    """A question for programs. The task token stays out: whoever has it could wake the rollout."""
    return {
        "id": question.id,
        "deployment": question.deployment,
        "host": question.host,
        "attempt": question.attempt,
        "gate": str(question.gate),
        "reason": question.reason,
        "evidence": question.evidence,
        "asked_at": question.asked_at.isoformat(),
        "expires_at": question.expires_at.isoformat() if question.expires_at else None,
        "choices": [
            {
                "choice": str(choice),
                "consequence": CONSEQUENCES[choice],
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
    if deployment.state == "DONE":
        return [see]
    if deployment.state in ("ABORTED", "STALE"):
        return [
            see,
            command(f"hosts {cluster.service}"),
            command(f"rollback {cluster.service}{where} --reason '...'"),
        ]
    return [see, command(f"history {cluster.service} --trail")]

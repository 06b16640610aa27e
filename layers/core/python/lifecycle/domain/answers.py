"""What humans answered about which attempt, and what they may be offered. An answer holds for one attempt only."""

from collections.abc import Sequence
from datetime import datetime

from lifecycle.domain.attempts import HostAttempt
from lifecycle.domain.deployment import Deployment, Kind
from lifecycle.domain.questions import CONSEQUENCES, Choice, Question


def latest_attempts(attempts: Sequence[HostAttempt]) -> dict[str, HostAttempt]:
    """Each tried host's newest attempt."""
    newest: dict[str, HostAttempt] = {}
    for attempt in sorted(attempts, key=lambda a: a.number):
        newest[attempt.host] = attempt
    return newest


def answered(questions: Sequence[Question], attempt: HostAttempt) -> list[Question]:
    """The answered questions about exactly this host and attempt, in the order of asking."""
    about = [q for q in questions if (q.host, q.attempt) == (attempt.host, attempt.number) and q.answer]
    return sorted(about, key=lambda q: q.again)


def answers_on(questions: Sequence[Question], attempt: HostAttempt) -> list[Choice]:
    """The choices recorded for exactly this host and attempt, in the order of asking."""
    return [q.answer.choice for q in answered(questions, attempt) if q.answer]


def asked_before(questions: Sequence[Question], attempt: HostAttempt, now: datetime) -> int:
    """How many questions about this attempt are over, answered or expired: the next one is a new one."""
    about = [q for q in questions if (q.host, q.attempt) == (attempt.host, attempt.number)]
    return sum(q.answer is not None or q.expired(now) for q in about)


def given_up(attempts: Sequence[HostAttempt], questions: Sequence[Question]) -> frozenset[str]:
    """Hosts whose newest attempt failed and that a human chose to leave out for now."""
    left_out = (Choice.SKIP_HOST, Choice.FORCE_NEXT)
    return frozenset(
        host
        for host, attempt in latest_attempts(attempts).items()
        if (answers := answers_on(questions, attempt)) and answers[-1] in left_out
    )


def choices(deployment: Deployment, *, last: bool) -> tuple[Choice, ...]:
    """What may be decided on a failed host. A rollback is not rolled back; the last host has no next one."""
    offered = [Choice.RETRY, Choice.SKIP_HOST]
    if not last:
        offered.append(Choice.FORCE_NEXT)
    if deployment.previous is not None and deployment.request.kind is not Kind.ROLLBACK:
        offered.append(Choice.ROLL_BACK)
    return (*offered, Choice.ABORT)


def effects(
    offered: Sequence[Choice], deployment: Deployment, host: str, updated: Sequence[str], left: Sequence[str]
) -> dict[Choice, str]:
    """What each choice would do here and now: `updated` hosts serve the new version, `left` wait for it."""
    target, previous = deployment.target.version, deployment.previous.version if deployment.previous else ""
    rest = f"{_named(left)} next" if left else "no host is left after it"
    told = {
        Choice.RETRY: f"drain {host} if it serves, and install {target} again; then {rest}",
        Choice.SKIP_HOST: f"{host} stays as it is, out of this deployment; {rest}",
        Choice.FORCE_NEXT: f"{host} stays as it is for now; {rest}; you are asked about {host} again at the end",
        Choice.ROLL_BACK: f"{_named([*updated, host])} back to {previous}; {target} is quarantined",
        Choice.ABORT: f"all stays as it is: {_with(updated, target)}{_with(left, previous)}{host} as it is now",
    }
    return {choice: told.get(choice, CONSEQUENCES[choice]) for choice in offered}


def _with(hosts: Sequence[str], version: str) -> str:
    return f"{_named(hosts)} with {version or 'nothing'}, " if hosts else ""


def _named(hosts: Sequence[str]) -> str:
    shown = ", ".join(hosts[:4])
    return f"{shown} and {len(hosts) - 4} more" if len(hosts) > 4 else shown

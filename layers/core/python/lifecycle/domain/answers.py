"""What humans answered about which attempt, and what they may be offered. An answer holds for one attempt only."""

from lifecycle.domain.deployment import Choice, Deployment, HostAttempt, Kind, Question


def latest_attempts(attempts: tuple[HostAttempt, ...]) -> dict[str, HostAttempt]:
    """Each tried host's newest attempt."""
    newest: dict[str, HostAttempt] = {}
    for attempt in sorted(attempts, key=lambda a: a.number):
        newest[attempt.host] = attempt
    return newest


def answers_on(questions: tuple[Question, ...], attempt: HostAttempt) -> list[Choice]:
    """The choices recorded for exactly this host and attempt, in the order of asking."""
    about = [q for q in questions if (q.host, q.attempt) == (attempt.host, attempt.number) and q.answer]
    return [q.answer.choice for q in sorted(about, key=lambda q: q.asked_at) if q.answer]


def given_up(attempts: tuple[HostAttempt, ...], questions: tuple[Question, ...]) -> frozenset[str]:
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

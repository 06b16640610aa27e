"""Where each host of a deployment stands, in one word; pure.

Shown by watch's table and by status.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from apps.cli.output.text import lasting
from lifecycle.domain.rollout.attempt import AttemptState, HostAttempt
from lifecycle.domain.rollout.decision import Choice, Question, answers_on, latest_attempts
from lifecycle.domain.rollout.deployment import Deployment

_DOING = {
    AttemptState.STARTED: "draining",
    AttemptState.DRAINED: "installing",
    AttemptState.INSTALLED: "self-testing",
    AttemptState.SELF_TESTED: "registering",
    AttemptState.REGISTERED: "registering",
    AttemptState.ALIVE: "alive",
    AttemptState.FAILED: "failed",
}
_LEFT = {Choice.SKIP_HOST: "left out", Choice.FORCE_NEXT: "left drained"}


@dataclass(frozen=True, slots=True)
class HostState:
    """One host of a deployment: its state, how long its attempt took, and why it failed."""

    host: str
    state: str
    attempt: int
    seconds: float
    reason: str

    @property
    def done(self) -> bool:
        return self.state in ("alive", "in place", "left out", "gone")

    def cells(self) -> list[str]:
        took = lasting(self.seconds) if self.attempt else "-"
        return [self.host, self.state, str(self.attempt or "-"), took, self.reason or "-"]


COLUMNS = ("host", "state", "attempt", "took", "why")


def host_states(
    deployment: Deployment,
    attempts: Sequence[HostAttempt],
    questions: Sequence[Question],
    digests: Mapping[str, str],
    now: datetime,
) -> list[HostState]:
    """The plan's hosts in their order, then those that joined since. `digests` are what hosts report to run."""
    newest = latest_attempts(tuple(attempts))
    joined = sorted((set(newest) | set(digests)) - set(deployment.hosts))
    return [
        _state(host, newest.get(host), tuple(questions), deployment, digests.get(host), now)
        for host in (*deployment.hosts, *joined)
    ]


def _state(
    host: str,
    attempt: HostAttempt | None,
    questions: tuple[Question, ...],
    deployment: Deployment,
    digest: str | None,
    now: datetime,
) -> HostState:
    if attempt is None:
        state = "in place" if digest == deployment.target.digest else "waiting"
        return HostState(host, "gone" if digest is None else state, 0, 0.0, "")
    state = "silent" if attempt.unreachable else _DOING[attempt.state]
    answers = answers_on(questions, attempt)
    if attempt.state is AttemptState.FAILED and answers:
        state = _LEFT.get(answers[-1], state)
    seconds = ((attempt.finished_at or now) - attempt.started_at).total_seconds()
    return HostState(host, state, attempt.number, seconds, attempt.reason)

"""Rollout decisions: given what is recorded and observed, what happens next?

Called by functions/next_step; the loop is statemachines/rollout.asl.json. Total and pure: every set of facts
has exactly one next step, and each step carries its reason. Facts are re-read before every call, so a lost,
late or duplicate callback changes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from lifecycle.domain.answers import answers_on, choices, given_up, latest_attempts
from lifecycle.domain.capacity import Rotation, out_of_place, state_of
from lifecycle.domain.deployment import (
    ROLLBACK_REQUEST,
    AttemptState,
    Choice,
    Deployment,
    DeploymentState,
    HostAttempt,
    Kind,
    Lease,
    Question,
)
from lifecycle.domain.fleet import HostReport
from lifecycle.domain.manifest import ApprovalGate

# A Standard execution may have 25,000 history events; a host takes at most 50 (tests/statemachines).
HOSTS_PER_EXECUTION = 400


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that the next step depends on. `rotation` is by host name."""

    deployment: Deployment
    lease: Lease
    attempts: tuple[HostAttempt, ...]
    questions: tuple[Question, ...]
    reports: Mapping[str, HostReport]
    rotation: Rotation
    execution: str


@dataclass(frozen=True, slots=True)
class UpdateHosts:
    """Give these hosts their turn: (host, attempt number). `following` come next, and should be ready."""

    hosts: tuple[tuple[str, int], ...]
    following: tuple[tuple[str, int], ...]
    reason: str


@dataclass(frozen=True, slots=True)
class AwaitDecision:
    """Halt until a human decides on this host's attempt. `again` counts the questions asked about it before."""

    host: str
    attempt: int
    again: int
    choices: tuple[Choice, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class AwaitApproval:
    """Pause until a human approves at this gate."""

    gate: ApprovalGate
    reason: str


@dataclass(frozen=True, slots=True)
class RollBack:
    """Hand the lease over to a new deployment of the previous version."""

    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class ContinueLater:
    """Go on in a new execution, because this one's history is nearly full."""

    reason: str


@dataclass(frozen=True, slots=True)
class Finish:
    """Nothing is left to do; `set_aside` are hosts that a human left out."""

    outcome: DeploymentState
    reason: str
    set_aside: tuple[str, ...] = ()


Step: TypeAlias = UpdateHosts | AwaitDecision | AwaitApproval | RollBack | ContinueLater | Finish


def next_step(facts: Facts, now: datetime) -> Step:
    """Choose what the rollout does next, touching at most `max_unavailable` hosts."""
    return _ended(facts) or _answered(facts) or _gate(facts, now) or _hosts(facts)


def _ended(facts: Facts) -> Step | None:
    mine, lease = facts.deployment, facts.lease
    if mine.state.final:
        return Finish(mine.state, mine.reason, mine.set_aside)
    if (lease.deployment, lease.epoch) != (mine.id, mine.epoch):
        holder = lease.deployment or "nobody"
        return Finish(DeploymentState.STALE, f"epoch {mine.epoch} was overtaken by {lease.epoch} ({holder})")
    return None


def _answered(facts: Facts) -> Step | None:
    """What a failed host, or a human's answer about one, asks for before anything else may happen."""
    for question in facts.questions:
        if question.id == ROLLBACK_REQUEST and question.answer:
            return _roll_back(facts, question.answer.by, question.answer.why or "asked for by an operator")
    for host, attempt in latest_attempts(facts.attempts).items():
        answers = answers_on(facts.questions, attempt)
        if not answers and attempt.state is AttemptState.ALIVE:
            continue
        if not answers:
            return _halt(facts, host, attempt, _why(attempt))
        if answers[-1] is Choice.ROLL_BACK:
            return _roll_back(facts, _answered_by(facts, attempt), f"decided on {host}: {_why(attempt)}")
        if answers[-1] is Choice.ABORT:
            reason = f"aborted by {_answered_by(facts, attempt)} after {host}: {_why(attempt)}"
            return Finish(DeploymentState.ABORTED, reason, _set_aside(facts))
    return None


def _why(attempt: HostAttempt) -> str:
    if attempt.state is AttemptState.FAILED:
        return attempt.reason
    return f"the attempt was lost after it was {attempt.state}; nothing is known of what followed"


def _answered_by(facts: Facts, attempt: HostAttempt) -> str:
    about = [q for q in facts.questions if (q.host, q.attempt) == (attempt.host, attempt.number) and q.answer]
    newest = max(about, key=lambda q: q.asked_at)
    return newest.answer.by if newest.answer else ""


def _roll_back(facts: Facts, by: str, reason: str) -> Step:
    if facts.deployment.previous is None or facts.deployment.request.kind is Kind.ROLLBACK:
        return Finish(
            DeploymentState.ABORTED, f"{reason}; there is no version to go back to", _set_aside(facts)
        )
    return RollBack(by, reason)


def _halt(facts: Facts, host: str, attempt: HostAttempt, reason: str, *, last: bool = False) -> AwaitDecision:
    again = len(answers_on(facts.questions, attempt))
    return AwaitDecision(host, attempt.number, again, choices(facts.deployment, last=last), reason)


def _gate(facts: Facts, now: datetime) -> Step | None:
    gate = facts.deployment.policy.approval
    if gate is ApprovalGate.NONE or facts.deployment.request.kind is not Kind.DEPLOY:
        return None
    alive = [a.host for a in facts.attempts if a.state is AttemptState.ALIVE]
    if gate is ApprovalGate.AFTER_FIRST_HOST and not alive:
        return None
    asked = next((q for q in facts.questions if q.gate is gate), None)
    if asked and asked.answer and asked.answer.choice is Choice.APPROVE:
        return None
    if asked and asked.answer:
        return _rejected(facts, asked.answer.by, f"rejected by {asked.answer.by}: {asked.answer.why}")
    if asked and asked.expires_at and now >= asked.expires_at:
        return _rejected(facts, "the clock", f"nobody approved before {asked.expires_at:%Y-%m-%d %H:%M} UTC")
    done = f"after {alive[0]}" if alive else "before the first host"
    return AwaitApproval(gate, f"the policy of {facts.deployment.cluster} wants an approval {done}")


def _rejected(facts: Facts, by: str, reason: str) -> Step:
    if facts.attempts:
        return _roll_back(facts, by, reason)
    return Finish(DeploymentState.REJECTED, reason)


def _hosts(facts: Facts) -> Step:
    """Update the next hosts, or, when none is left, check that every one is in its place."""
    newest, waiting, postponed = latest_attempts(facts.attempts), [], []
    for host in members(facts):
        attempt = newest.get(host)
        answers = answers_on(facts.questions, attempt) if attempt else []
        if attempt is None and _needs_update(facts, host):
            waiting.append((host, 1))
        elif attempt and answers and answers[-1] is Choice.RETRY:
            waiting.insert(0, (host, attempt.number + 1))
        elif attempt and answers and answers[-1] is Choice.FORCE_NEXT:
            postponed.append(attempt)
    if waiting:
        return _turn(facts, waiting, len(postponed))
    if postponed:
        first = postponed[0]
        reason = f"every other host is done; {first.host} was left drained: {_why(first)}"
        return _halt(facts, first.host, first, reason, last=True)
    return _verified(facts, newest)


def members(facts: Facts) -> tuple[str, ...]:
    """The plan's hosts in their order, then those that joined since, by name."""
    joined = sorted(set(facts.reports) - set(facts.deployment.hosts))
    return (*facts.deployment.hosts, *joined)


def _needs_update(facts: Facts, host: str) -> bool:
    place = out_of_place(facts.reports.get(host), state_of(facts.rotation, host), facts.deployment.target)
    return place is not None


def _turn(facts: Facts, waiting: list[tuple[str, int]], down: int) -> Step:
    here = sum(attempt.execution == facts.execution for attempt in facts.attempts)
    if here >= HOSTS_PER_EXECUTION:
        return ContinueLater(f"{here} attempts in execution {facts.execution}; going on in a new one")
    size = max(1, facts.deployment.policy.max_unavailable - down)
    turn, following = tuple(waiting[:size]), tuple(waiting[size : 2 * size])
    names = ", ".join(host for host, _ in turn)
    return UpdateHosts(turn, following, f"{names} next; {len(waiting) - len(turn)} to follow")


def _set_aside(facts: Facts) -> tuple[str, ...]:
    return tuple(sorted(given_up(facts.attempts, facts.questions)))


def _verified(facts: Facts, newest: Mapping[str, HostAttempt]) -> Step:
    aside = _set_aside(facts)
    for host in members(facts):
        if host in aside:
            continue
        state = state_of(facts.rotation, host)
        if wrong := out_of_place(facts.reports.get(host), state, facts.deployment.target):
            attempt = newest[host]
            return _halt(facts, host, attempt, f"{host} was updated, but now it {wrong}", last=True)
    version = facts.deployment.target.version
    left = f"; left out: {', '.join(aside)}" if aside else ""
    count = len(members(facts)) - len(aside)
    who = "1 host serves" if count == 1 else f"{count} hosts serve"
    return Finish(DeploymentState.DONE, f"{who} {version}, in rotation and healthy{left}", aside)

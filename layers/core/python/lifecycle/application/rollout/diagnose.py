"""Is it the host or the version? The previous version is installed again on a host that failed, out of rotation.

Called by functions/rollout/diagnose between a failure and the question about it; what it finds is part of the question.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from lifecycle.application.context import Context
from lifecycle.application.rollout import host_commands, observe
from lifecycle.application.rollout.stage_guard import LONGEST_WAIT, HostTask, Outcome
from lifecycle.domain.fleet.host import HostReport
from lifecycle.domain.fleet.host_command import Turn
from lifecycle.domain.fleet.target_group import TargetState
from lifecycle.domain.rollout.attempt import AttemptState, Blame, HostAttempt
from lifecycle.domain.rollout.decision import latest_attempts
from lifecycle.domain.rollout.deployment import Deployment
from lifecycle.domain.rollout.diagnosis import Diagnosis, can_be_diagnosed, diagnosis

_LEAVES_ROTATION = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class _Case:
    """One failed attempt under diagnosis."""

    context: Context
    task: HostTask
    deployment: Deployment
    attempt: HostAttempt
    deadline: datetime  # of the whole diagnosis: its function is ended soon after


def diagnose(context: Context, task: HostTask) -> Outcome:
    """Try the previous version on the host, and note who is to blame; safe to repeat. Raises Unknown."""
    standing = context.step_reads.of_host(task.cluster, task.deployment, task.host, task.attempt)
    if (current := standing.deployment) is None:
        raise observe.unknown(task.cluster, task.deployment)
    if not standing.lease.is_held_by(current.id, task.epoch):
        return Outcome("STALE", f"epoch {task.epoch} was overtaken")
    attempt = standing.attempt
    if attempt is None or current.state.final or not can_be_diagnosed(current, attempt):
        return Outcome("SKIPPED", "there is nothing to diagnose")
    case = _Case(context, task, current, attempt, context.clock.now() + LONGEST_WAIT)
    found = _wait_until_out(case, standing.report) or _tried(case)
    _note(case, found)
    return Outcome("PASSED", found.sentence)


def _wait_until_out(case: _Case, report: HostReport | None) -> Diagnosis | None:
    """A host that still has requests, or gets new ones, must not be touched."""
    host = case.task.host
    if report is None:
        return Diagnosis(Blame.UNCLEAR, f"{host} has no agent any more")
    context, clock = case.context, case.context.clock
    limit = timedelta(seconds=case.deployment.policy.drain_seconds) + _LEAVES_ROTATION
    until = min(clock.now() + limit, case.deadline)
    while True:
        state = context.dispatcher.target(case.task.cluster, report.address)
        if state in (TargetState.ABSENT, TargetState.UNUSED):
            return None
        if state is not TargetState.DRAINING or clock.now() >= until:
            told = f"{host} is {state} in the load balancer, so nothing was tried on it"
            return Diagnosis(Blame.UNCLEAR, told)
        clock.sleep(context.poll_seconds)


def _tried(case: _Case) -> Diagnosis:
    """Give the host its turn to restore, and wait for what comes of it."""
    context, task, clock = case.context, case.task, case.context.clock
    previous = case.deployment.previous
    assert previous is not None  # can_be_diagnosed says so  # noqa: S101
    turn = host_commands.restore(case.deployment, previous, task.host, task.attempt, clock.now())
    _tell(case, f"diagnose with {previous.version}", "is it the host or the version?")
    context.fleet.give_turns(task.cluster, [turn])
    while clock.now() < case.deadline:
        report = context.fleet.report(task.cluster, task.host)
        if found := _so_far(case, turn, report):
            return found
        clock.sleep(context.poll_seconds)
    told = f"{task.host} did not restore {previous.version} within {LONGEST_WAIT.seconds} s"
    return Diagnosis(Blame.UNCLEAR, told)


def _so_far(case: _Case, turn: Turn, report: HostReport | None) -> Diagnosis | None:
    context, host = case.context, case.task.host
    if report is None:
        return Diagnosis(Blame.UNCLEAR, f"{host} has left")
    if found := diagnosis(case.attempt, turn, report, _passed_elsewhere(case)):
        return found
    if since := report.unreachable_since(context.clock.now(), context.heartbeat_timeout):
        told = (
            f"the agent of {host} is silent since {since:%Y-%m-%d %H:%M:%S} UTC: nothing could be tried there"
        )
        return Diagnosis(Blame.UNCLEAR, told)
    return None


def _passed_elsewhere(case: _Case) -> int:
    newest = latest_attempts(case.context.deployments.attempts(case.deployment.id))
    return sum(attempt.state is AttemptState.ALIVE for attempt in newest.values())


def _note(case: _Case, found: Diagnosis) -> None:
    """Quarantine a bad host, then close the diagnosis: a crash in between quarantines it again."""
    context, task = case.context, case.task
    _tell(case, f"diagnosis: {found.blame.lower()}", found.sentence)
    if found.blame is Blame.HOST:
        _tell(case, f"quarantine {task.host}", found.sentence)
        context.fleet.quarantine_host(task.cluster, task.host, f"{found.sentence} ({case.deployment.id})")
    context.deployments.put_attempt(replace(case.attempt, blame=found.blame, diagnosis=found.sentence))


def _tell(case: _Case, what: str, why: str) -> None:
    case.context.record(
        case.task.cluster, what, "lifecycle", why, deployment=case.deployment.id, host=case.task.host
    )

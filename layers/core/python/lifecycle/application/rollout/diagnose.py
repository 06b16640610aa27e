"""The diagnosis of a failed host: install the previous version again, to tell a bad host from a bad version.

Called by functions/rollout/diagnose between a failure and the decision about it, which shows the diagnosis.
The host is out of rotation meanwhile.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from lifecycle.application.context import Context
from lifecycle.application.polling import answered, pauses, poll_until
from lifecycle.application.rollout import host_commands, observe
from lifecycle.application.rollout.settle import settle
from lifecycle.application.rollout.stage_guard import LONGEST_WAIT, HostTask, Outcome, stale
from lifecycle.domain.fleet.host import HostReport, UnreadableReport, unreachable_among
from lifecycle.domain.fleet.host_command import Turn
from lifecycle.domain.fleet.target_group import TargetState
from lifecycle.domain.listing import listed
from lifecycle.domain.rollout.attempt import AttemptState, Blame, HostAttempt
from lifecycle.domain.rollout.decision import latest_attempts
from lifecycle.domain.rollout.deployment import Deployment
from lifecycle.domain.rollout.diagnosis import Diagnosis, can_be_diagnosed, diagnosis
from lifecycle.domain.rollout.shared_fault import unhealthy_together

_LEAVES_ROTATION = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class _Case:
    """One failed attempt under diagnosis."""

    context: Context
    task: HostTask
    deployment: Deployment
    attempt: HostAttempt
    deadline: datetime  # of the whole diagnosis: Lambda ends its function soon after


def diagnose(context: Context, task: HostTask) -> Outcome:
    """Try the previous version on the host, and record whether host or version is to blame. Raises Unknown.

    Safe to repeat. It is, until its deadline, while AWS cannot answer.
    """
    deadline = context.clock.now() + LONGEST_WAIT
    between = pauses(context.poll_seconds, f"diagnose {task.host}")
    return answered(context.clock, deadline, lambda: _diagnose(context, task, deadline), between)


def _diagnose(context: Context, task: HostTask, deadline: datetime) -> Outcome:
    records = context.step_reads.of_host(task.cluster, task.deployment, task.host, task.attempt)
    if (current := records.deployment) is None:
        raise observe.unknown(task.cluster, task.deployment)
    if not records.lease.is_held_by(current.id, task.epoch):
        return stale(task.epoch, records.lease)
    attempt = records.attempt
    if attempt is None or current.state.final or not can_be_diagnosed(current, attempt):
        return Outcome("SKIPPED", "there is nothing to diagnose")
    case = _Case(context, task, current, attempt, deadline)
    if (found := _await_drained(case, records.report)) is None:
        # Another deployment may have taken the lease during the wait.
        if not (lease := context.leases.current(task.cluster)).is_held_by(current.id, task.epoch):
            return stale(task.epoch, lease)
        found = _try_previous(case)
    if not _record(case, found):
        return Outcome("SKIPPED", f"attempt {task.attempt} of {task.host} is not FAILED any more")
    return Outcome("PASSED", found.sentence)


def _await_drained(case: _Case, report: HostReport | None) -> Diagnosis | None:
    """Wait until the host is out of rotation; a host that still gets requests must not be changed."""
    host = case.task.host
    if report is None:
        return Diagnosis(Blame.UNCLEAR, f"{host} has no agent any more")
    if isinstance(report, UnreadableReport):
        return Diagnosis(Blame.UNCLEAR, report.why)
    context, clock = case.context, case.context.clock
    limit = timedelta(seconds=case.deployment.policy.drain_seconds) + _LEAVES_ROTATION
    left_at = clock.now()
    until = min(left_at + limit, case.deadline)

    def poll() -> TargetState | None:
        state = context.dispatcher.target(case.task.cluster, report.address)
        return None if state is TargetState.DRAINING else state

    between = pauses(context.poll_seconds, f"{case.task.deployment} {host}")
    state = poll_until(clock, until, case.deadline, poll, between) or TargetState.DRAINING
    if state in (TargetState.ABSENT, TargetState.UNUSED):
        settle(context, case.deployment, report, left_at)
        return None
    return Diagnosis(Blame.UNCLEAR, f"{host} is {state.in_words}, so nothing was tried on it")


def _try_previous(case: _Case) -> Diagnosis:
    """Give the host the command to restore the previous version, and wait for the result."""
    context, task, clock = case.context, case.task, case.context.clock
    previous = case.deployment.previous
    assert previous is not None  # can_be_diagnosed says so  # noqa: S101
    turn = host_commands.restore(case.deployment, previous, task.host, task.attempt, clock.now())
    _audit(case, f"diagnose with {previous.in_words}", "is it the host or the version?")
    if refused := host_commands.give_turns(context, case.deployment, [turn]):
        return Diagnosis(Blame.UNCLEAR, f"{previous.in_words} was not tried: {refused.reason}")

    def poll() -> Diagnosis | None:
        found = _result(case, turn, context.fleet.report(task.cluster, task.host))
        return _unless_shared(case, previous.digest, found) if found else None

    between = pauses(context.poll_seconds, f"{task.deployment} {task.host}")
    if found := poll_until(clock, case.deadline, case.deadline, poll, between):
        return found
    why = f"{task.host} did not restore {previous.in_words} within {LONGEST_WAIT.seconds} s"
    return Diagnosis(Blame.UNCLEAR, why)


def _result(case: _Case, turn: Turn, report: HostReport | None) -> Diagnosis | None:
    context, host = case.context, case.task.host
    if report is None:
        return Diagnosis(Blame.UNCLEAR, f"{host} was removed")
    if isinstance(report, UnreadableReport):
        return Diagnosis(Blame.UNCLEAR, report.why)
    if found := diagnosis(case.attempt, turn, report, _passed_elsewhere(case), case.deployment.target):
        return found
    if since := report.unreachable_since(context.clock.now(), context.heartbeat_timeout):
        why = f"the agent of {host} is unreachable since {since:%Y-%m-%d %H:%M:%S} UTC, so nothing was tried on it"
        return Diagnosis(Blame.UNCLEAR, why)
    return None


def _unless_shared(case: _Case, digest: str, found: Diagnosis) -> Diagnosis:
    """Return the diagnosis; unclear where the other hosts are unhealthy too while their services run unchanged."""
    if found.blame is not Blame.HOST:
        return found
    context, cluster = case.context, case.task.cluster
    reports = context.fleet.reports(cluster)
    others = set(reports) - set(context.fleet.quarantined_hosts(cluster)) - {case.task.host}
    rotation, limit = observe.rotation(context, cluster, reports), case.deployment.policy.max_unavailable
    ours = (digest, case.deployment.target.digest)
    unreachable = unreachable_among(reports, context.clock.now(), context.heartbeat_timeout)
    groups = [unhealthy_together(reports, rotation, others, each, limit, unreachable) for each in ours]
    together = sorted({host for hosts in groups for host in hosts})
    if not together:
        return found
    verb = "is" if len(together) == 1 else "are"
    what = f"{case.task.host} fails with the version from before too, and {listed(together)} {verb} unhealthy"
    return Diagnosis(Blame.UNCLEAR, f"{what} while their services run unchanged: a shared dependency?")


def _passed_elsewhere(case: _Case) -> int:
    newest = latest_attempts(case.context.deployments.attempts(case.deployment.id))
    return sum(attempt.state is AttemptState.ALIVE for attempt in newest.values())


def _record(case: _Case, found: Diagnosis) -> bool:
    """Quarantine a bad host, then record the diagnosis; after a crash in between, it is quarantined again."""
    context, task = case.context, case.task
    _audit(case, f"diagnosis: {found.blame.lower()}", found.sentence)
    if found.blame is Blame.HOST:
        _audit(case, f"quarantine {task.host}", found.sentence)
        context.fleet.quarantine_host(task.cluster, task.host, f"{found.sentence} ({case.deployment.id})")
    return context.deployments.put_attempt(replace(case.attempt, blame=found.blame, diagnosis=found.sentence))


def _audit(case: _Case, what: str, why: str) -> None:
    case.context.record_action(case.task.cluster, case.deployment.id, what, why, case.task.host)

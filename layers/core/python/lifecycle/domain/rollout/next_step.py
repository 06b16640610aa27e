"""Rollout decisions: choose the next step from the recorded and observed facts.

Called by functions/rollout/next_step; the loop is statemachines/rollout.asl.json. Total and pure: every set
of facts has exactly one next step, and each step carries its reason. Facts are read again before every call,
so a lost, late or duplicate callback changes nothing. Ordinary steps of a large cluster need few of them
(checkpoint.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from lifecycle.domain.fleet.drift import drift_reason
from lifecycle.domain.fleet.host import ServiceEnd
from lifecycle.domain.fleet.target_group import Group, TargetState, state_of
from lifecycle.domain.listing import listed
from lifecycle.domain.rollout.attempt import AttemptState, HostAttempt
from lifecycle.domain.rollout.capacity import gets_requests
from lifecycle.domain.rollout.decision import (
    Choice,
    QuestionKind,
    answered,
    answers_on,
    asked_before,
    choices,
    latest_attempts,
)
from lifecycle.domain.rollout.deployment import DeploymentState, Kind
from lifecycle.domain.rollout.diagnosis import can_be_diagnosed
from lifecycle.domain.rollout.fallen import fall_reason, fallen
from lifecycle.domain.rollout.gates import aborted, gate, paused, roll_back, skipped_hosts, updates_one_first
from lifecycle.domain.rollout.membership import (
    AUTOMATIC_ATTEMPTS,
    members,
    replaced,
    unreachable_hosts,
    unreachable_hosts_are_tolerable,
    unreachable_since,
)
from lifecycle.domain.rollout.release import is_released, reason_of, release_step, unfinished_step
from lifecycle.domain.rollout.steps import AwaitDecision, ContinueLater, Diagnose, Facts, Finish, Step, UpdateHosts
from lifecycle.domain.rollout.test_bed.schedule import (
    bake_step,
    end_bake_first,
    end_failed_bake,
    failed_test_bed,
    lost_in_test_bed,
    next_group,
)
from lifecycle.domain.service.host_count import at_most
from lifecycle.domain.service.policy import ApprovalGate, OnFail

# A Standard execution may have 25,000 history events; a host takes at most 50 (tests/integration/statemachines).
HOSTS_PER_EXECUTION = 400
# Hosts that prefetch ahead of their round, at least. An idle agent may poll seldom: in 6 rounds it learns of its own.
LOOKAHEAD = 6

# Hosts with the number of their next attempt.
Hosts: TypeAlias = list[tuple[str, int]]


def next_step(facts: Facts, now: datetime) -> Step:
    """Choose the next step of the rollout, touching at most `max_unavailable` hosts."""
    over = _ended(facts) or handed_out_now(facts) or aborted(facts) or _answered(facts, now)
    held = over or end_failed_bake(facts, now) or paused(facts)
    step = held or gate(facts, ApprovalGate.BEFORE_FIRST_HOST, now) or bake_step(facts, now)
    if step is None and next_group(facts) is Group.MAIN:
        step = gate(facts, ApprovalGate.AFTER_FIRST_HOST, now)
    return end_bake_first(facts, step or _hosts(facts, now))


def _ended(facts: Facts) -> Step | None:
    mine, lease = facts.deployment, facts.lease
    if mine.state.final:
        return Finish(mine.state, mine.reason, mine.skipped_hosts)
    if lease.was_lost(mine.id, mine.epoch):
        found = f"the lease was deleted or set back to epoch {lease.epoch}"
        return ContinueLater(f"{found}, and this deployment has epoch {mine.epoch}: it takes the lease again")
    if not lease.is_held_by(mine.id, mine.epoch):
        holder = lease.deployment or "nobody"
        return Finish(DeploymentState.STALE, f"epoch {mine.epoch} is fenced by epoch {lease.epoch} ({holder})")
    return None


def handed_out_now(facts: Facts) -> UpdateHosts | None:
    """Return the hosts that this pass has handed out before: its answer was lost, and nothing has begun."""
    mine = [each for each in facts.attempts if each.visit.is_repeated_by(facts.visit)]
    again = tuple((each.host, each.number) for each in mine if not each.state.ended and not each.release)
    if not again:
        return None
    names = listed([host for host, _ in again])
    return UpdateHosts(again, (), f"{names} next, as handed out before", mine[0].group, again=True)


def is_late_call(facts: Facts) -> bool:
    """Return whether the execution has gone on since this call began, so that its answer reaches nobody."""
    here = facts.visit
    ended = any(each.visit.is_repeated_by(here) and each.state.ended for each in facts.attempts)
    return (ended and handed_out_now(facts) is None) or any(here.was_followed_by(a.visit) for a in facts.attempts)


def _answered(facts: Facts, now: datetime) -> Step | None:
    """Return the step that a failed host, or a human's answer about one, requires before anything else."""
    for question in facts.questions:
        if question.kind is QuestionKind.ROLLBACK and question.answer:
            return roll_back(facts, question.answer.by, question.answer.why or "requested by an operator")
    newest = latest_attempts(facts.attempts)
    # A decision on one host counts before the failure of another, which came after the decision.
    decided = (_decided(facts, host, attempt) for host, attempt in newest.items())
    unreleased = (unfinished_step(facts, attempt, now) for attempt in newest.values() if attempt.release)
    updates = ((host, attempt) for host, attempt in newest.items() if not attempt.release)
    failed = (_failed(facts, host, attempt, now) for host, attempt in updates)
    fell = (_fell(facts, attempt, now) for attempt in newest.values())
    return next((found for found in (*decided, *unreleased, *failed, *fell) if found), None)


def _decided(facts: Facts, host: str, attempt: HostAttempt) -> Step | None:
    """Return the end of the deployment, if a human's newest answer on this attempt asks for it."""
    if not (questions := answered(facts.questions, attempt)) or not (answer := questions[-1].answer):
        return None
    if answer.choice is Choice.ROLL_BACK:
        return roll_back(facts, answer.by, f"decided on {host}: {_why(facts, attempt)}")
    if answer.choice is Choice.ABORT:
        reason = f"aborted by {answer.by} after {host}: {_why(facts, attempt)}"
        return Finish(DeploymentState.ABORTED, reason, skipped_hosts(facts))
    return None


def _failed(facts: Facts, host: str, attempt: HostAttempt, now: datetime) -> Step | None:
    """Diagnose a failure without a decision, then halt. A host that left is not waited for."""
    bed = failed_test_bed(facts, attempt)
    if bed is None and (attempt.state is AttemptState.ALIVE or host not in facts.reports):
        return None  # a version that failed in the test bed stays failed, even if its host left
    if answers_on(facts.questions, attempt):
        return None
    if bed is not None and facts.deployment.policy.on_fail is OnFail.ROLL_BACK:
        return roll_back(
            facts, "lifecycle", f"the policy rolls back a version that fails in the test bed: {bed.reason}"
        )
    if attempt.unreachable and unreachable_hosts_are_tolerable(facts, now):
        return None
    lost = attempt.diagnosed_in is not None and attempt.diagnosed_in.was_before(facts.visit)
    if can_be_diagnosed(facts.deployment, attempt) and not lost:
        return Diagnose(host, attempt.number, f"{host} failed: is it the host or the version?")
    return _halt(facts, attempt, now, _why(facts, attempt))


def _fell(facts: Facts, attempt: HostAttempt, now: datetime) -> Step | None:
    """Halt when a host's service ended after it was alive, unless a human has decided on it."""
    if not fallen(facts, attempt) or answers_on(facts.questions, attempt):
        return None
    return _halt(facts, attempt, now, _why(facts, attempt))


def _why(facts: Facts, attempt: HostAttempt) -> str:
    if attempt.release:
        return reason_of(attempt)
    if attempt.state is AttemptState.FAILED:
        return attempt.reason
    if report := fallen(facts, attempt):
        return fall_reason(facts, attempt, report)
    if bed := failed_test_bed(facts, attempt):
        return f"failed in the test bed: {bed.reason}"
    if attempt.state is AttemptState.ALIVE:
        return f"{attempt.host} was updated and alive, and was not any more"
    return f"the attempt was lost after it was {attempt.state}, and its result is unknown"


def _halt(
    facts: Facts, attempt: HostAttempt, now: datetime, reason: str, *, last: bool = False
) -> AwaitDecision | Finish:
    """Ask a human about a host. A repair ends instead, so that it blocks no other repair until somebody answers."""
    asked = any(question.kind is QuestionKind.DECISION for question in facts.questions)
    if facts.deployment.request.kind is Kind.CONVERGE and not asked:
        why = f"the repair of {attempt.host} failed: {reason}"
        return Finish(DeploymentState.ABORTED, why, skipped_hosts(facts), attempt.host)
    again = asked_before(facts.questions, attempt, now)
    return AwaitDecision(attempt.host, attempt.number, again, choices(facts.deployment, last=last), reason)


@dataclass(slots=True)
class _Remaining:
    """The hosts that are not done: `waiting` for their update, `postponed` by a human, or unreachable."""

    waiting: Hosts = field(default_factory=list)
    postponed: list[HostAttempt] = field(default_factory=list)
    unreachable_hosts: list[HostAttempt] = field(default_factory=list)


def _hosts(facts: Facts, now: datetime) -> Step:
    """Update the next hosts; when none is left, check that every host serves the target version."""
    newest = latest_attempts(facts.attempts)
    left = _remaining(facts, newest, now)
    if left.waiting:
        return _unhealthy_since(facts, left, newest, now) or _update_next(facts, left)
    if left.postponed:
        first = left.postponed[0]
        reason = f"every other host is done; {first.host} was left out: {_why(facts, first)}"
        return _halt(facts, first, now, reason, last=True)
    if left.unreachable_hosts:
        first = left.unreachable_hosts[0]
        reason = f"every other host is done; {first.host}: {_why(facts, first)}"
        return _halt(facts, first, now, reason, last=True)
    return _verified(facts, newest, now)


def _remaining(facts: Facts, newest: Mapping[str, HostAttempt], now: datetime) -> _Remaining:
    left, out_of_reach = _Remaining(), unreachable_hosts(facts)
    later: Hosts = []
    tolerable = unreachable_hosts_are_tolerable(facts, now)
    # A quarantined host is not a member, but decisions on it in this deployment still count.
    decided = sorted(host for host in newest if host in facts.quarantined and host in facts.reports)
    for host in (*members(facts), *decided):
        attempt = newest.get(host)
        untouched = attempt is None or is_released(facts, attempt)
        if attempt is None or untouched or _was_control(attempt) or lost_in_test_bed(facts, attempt):
            if _needs_update(facts, host):
                postpone = tolerable and unreachable_since(facts, host, now)
                number = attempt.number + 1 if attempt else 1
                (later if postpone else left.waiting).append((host, number))
            continue
        answers = answers_on(facts.questions, attempt)
        if answers and answers[-1] is Choice.RETRY:
            left.waiting.insert(0, (host, attempt.number + 1))
        elif answers and answers[-1] is Choice.FORCE_NEXT:
            left.postponed.append(attempt)
        elif host in out_of_reach:
            back = not unreachable_since(facts, host, now) and attempt.number < AUTOMATIC_ATTEMPTS
            if back:
                left.waiting.append((host, attempt.number + 1))
            else:
                left.unreachable_hosts.append(attempt)
        elif not answers and replaced(facts, attempt):
            left.waiting.append((host, attempt.number + 1))
    # Hosts that serve nothing come first, because taking them costs no capacity. That includes hosts that joined.
    left.waiting.sort(key=lambda each: _serves(facts, each[0]))
    left.waiting += later
    return left


def _was_control(attempt: HostAttempt) -> bool:
    """Return whether it was restarted as the control, and is not updated yet."""
    return attempt.group is Group.CONTROL and attempt.state is AttemptState.ALIVE


def _needs_update(facts: Facts, host: str) -> bool:
    drift = drift_reason(facts.reports.get(host), state_of(facts.rotation, host), facts.deployment.target)
    return drift is not None or facts.deployment.updates_all


def _unhealthy_since(
    facts: Facts, left: _Remaining, newest: Mapping[str, HostAttempt], now: datetime
) -> AwaitDecision | Finish | None:
    """Halt at an updated host that became unhealthy, where no other host can be spared because of it."""
    if room(facts)[1] > 0 or not _serves(facts, left.waiting[0][0]):
        return None
    for host in members(facts):
        attempt, state = newest.get(host), state_of(facts.rotation, host)
        updated = attempt and attempt.state is AttemptState.ALIVE and attempt.group is Group.MAIN
        if attempt and updated and state.fails and not answers_on(facts.questions, attempt):
            reason = f"{host} was updated and alive, and now it is {state.in_words}"
            return _halt(facts, attempt, now, reason)
    return None


def _update_next(facts: Facts, left: _Remaining) -> Step:
    if release := release_step(facts, left.waiting):
        return release
    attempts_here = sum(attempt.execution == facts.execution for attempt in facts.attempts)
    if attempts_here >= HOSTS_PER_EXECUTION:
        return ContinueLater(f"{attempts_here} attempts in execution {facts.execution}; going on in a new one")
    group = next_group(facts)
    batch, rest = _next_batch(facts, left.waiting, HOSTS_PER_EXECUTION - attempts_here)
    if group is Group.TEST_BED or updates_one_first(facts):
        batch, rest = batch[:1], [*batch[1:], *rest]
    following = [] if group is Group.TEST_BED else rest[: max(len(batch), LOOKAHEAD)]
    names = listed([host for host, _ in batch])
    where = ", into the test bed" if group is Group.TEST_BED else ""
    down = [f"; {host} was down before: {end.in_words}" for host, _ in batch if (end := _service_end(facts, host))]
    reason = f"{names} next{where}; {len(rest)} to follow{''.join(down[:4])}"
    return UpdateHosts(tuple(batch), tuple(following), reason, group, tuple(left.waiting))


def _service_end(facts: Facts, host: str) -> ServiceEnd | None:
    """Return how the service of a host ended that is not of this deployment's version."""
    report = facts.reports[host]
    return report.ended if report.installed != facts.deployment.target.version else None


def room(facts: Facts) -> tuple[int, int]:
    """Return how many hosts may be out at once, and how many more than now.

    At most `max_unavailable` hosts are out at once, including those that serve nothing already.
    """
    # The members of a repair are some of the hosts of the cluster only.
    present = {*members(facts), *facts.reports} - set(facts.quarantined)
    out = {h for h in present - set(skipped_hosts(facts)) if not _serves(facts, h)}
    limit = at_most(facts.deployment.policy.max_unavailable, len(present))
    return limit, limit - len(out)


def _next_batch(facts: Facts, waiting: Hosts, longest: int) -> tuple[Hosts, Hosts]:
    """Return the hosts to update now, at most `longest`, and the rest."""
    limit, spare = room(facts)
    limit = min(limit, longest)
    batch: Hosts = []
    test_group_taken = False
    for host, number in waiting:
        in_test_group = state_of(facts.rotation, host) is TargetState.TEST_GROUP
        if in_test_group and test_group_taken:
            continue  # one at a time: application/rollout/test_bed/traffic_weights.py
        if len(batch) < limit and (spare > 0 or not _serves(facts, host)):
            batch.append((host, number))
            spare -= _serves(facts, host)
            test_group_taken |= in_test_group
    # If no host can be spared, the first one's drain is refused, and the refusal lists the hosts that are down.
    batch = batch or waiting[:1]
    taken = set(batch)
    return batch, [each for each in waiting if each not in taken]


def _serves(facts: Facts, host: str) -> bool:
    return gets_requests(facts.rotation, host)


def _verified(facts: Facts, newest: Mapping[str, HostAttempt], now: datetime) -> Step:
    skipped = skipped_hosts(facts)
    for host in members(facts):
        if host in skipped:
            continue
        state = state_of(facts.rotation, host)
        if drift := drift_reason(facts.reports.get(host), state, facts.deployment.target):
            reason = f"{host} was updated, but now it {drift}"
            return _halt(facts, newest[host], now, reason, last=True)
    count = len(set(members(facts)) - set(skipped))
    if not count:
        return Finish(DeploymentState.ABORTED, f"no host is left to serve {facts.deployment.target.version}", skipped)
    version = facts.deployment.target.version
    left = f"; left out: {listed(skipped)}" if skipped else ""
    if out := sorted(host for host in facts.quarantined if host in facts.reports and host not in skipped):
        left += f"; quarantined, and left as it is: {listed(out)}"
    subject = "1 host serves" if count == 1 else f"{count} hosts serve"
    return Finish(DeploymentState.DONE, f"{subject} {version}, in rotation and healthy{left}", skipped)

"""Checkpoints: the result of one full observation of a rollout, for the ordinary steps after it.

A full observation reads every attempt and every report, which is too much for each of 2,000 hosts. Between
two of them, `continue_from` looks only at the hosts that were handed out last, at the next ones, and at what
tells that nothing else has changed. It may only go on in the recorded order. Everything else returns None,
and application/rollout/next_step.py then observes everything and decides with `next_step` (docs/adr/0015).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256

from lifecycle.domain.fleet.drift import drift_reason
from lifecycle.domain.fleet.host import HostReport
from lifecycle.domain.fleet.target_group import Group, TargetState
from lifecycle.domain.listing import listed
from lifecycle.domain.rollout.attempt import AttemptState, HostAttempt
from lifecycle.domain.rollout.capacity import Floor, fails_open, gets_requests
from lifecycle.domain.rollout.decision import Question, answers_on, latest_attempts
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState
from lifecycle.domain.rollout.gates import skipped_hosts
from lifecycle.domain.rollout.lease import Lease
from lifecycle.domain.rollout.next_step import HOSTS_PER_EXECUTION, LOOKAHEAD, room
from lifecycle.domain.rollout.steps import Facts, UpdateHosts
from lifecycle.domain.rollout.test_bed.model import BedState

# The most hosts that a checkpoint queues. It bounds the record, and the hosts between two full observations.
QUEUE_LIMIT = 200


@dataclass(frozen=True, slots=True)
class QueuedHost:
    """A host, the number of its next attempt, its address, and whether it served when all was observed."""

    host: str
    attempt: int
    address: str
    serves: bool


@dataclass(frozen=True, slots=True)
class Baseline:
    """Everything that a full observation found and that must not change until the next one.

    `execution` made it, and `attempts` counts the attempts there. `required` is the number of hosts that must
    serve. `limit` hosts may be out at once, and `spare` more than now. `queue` is the order of the next hosts;
    `beyond` hosts come after it.

    Six fields are fingerprints: of the hosts that report (`reporting`), of the questions with their answers, of
    the quarantined hosts, of the policy, and of two sets of addresses. `targets` are all addresses in the load
    balancer once the handed out hosts are back. `unhealthy` are those that do not serve.
    """

    execution: str
    attempts: int
    reporting: str
    targets: str
    questions: str
    unhealthy: str
    quarantined: str
    required: int
    limit: int
    spare: int
    queue: tuple[QueuedHost, ...]
    beyond: int
    policy: str = ""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The hosts that the last step handed out, recorded before it, and the baseline of the next steps.

    `number` grows with each write, so that one of two racing steps decides again. Without a baseline, the next
    step observes everything.
    """

    deployment: str
    number: int
    given: tuple[QueuedHost, ...]
    baseline: Baseline | None = None

    def next_hosts(self) -> tuple[QueuedHost, ...]:
        """Return the hosts that the next step may hand out, and those that should prefetch then."""
        if self.baseline is None:
            return ()
        limit = self.baseline.limit
        return self.baseline.queue[: limit + max(limit, LOOKAHEAD)]


@dataclass(frozen=True, slots=True)
class Changes:
    """The facts that a step reads between two full observations.

    `attempts` and `reports` are those of the hosts that were handed out and that come next. `reporting` names
    all hosts that report, and `targets` are the states in the load balancer by address. `round` is the pass of
    the execution that decides.
    """

    deployment: Deployment
    lease: Lease
    execution: str
    attempts: Sequence[HostAttempt]
    reports: Mapping[str, HostReport]
    reporting: Collection[str]
    questions: Sequence[Question]
    quarantined: Collection[str]
    targets: Mapping[str, TargetState]
    heartbeat_timeout: timedelta
    round: int = 0


def continue_from(checkpoint: Checkpoint, now: Changes, at: datetime) -> tuple[UpdateHosts, Checkpoint] | None:
    """Return the next hosts in the recorded order, with the checkpoint of that step.

    None means that something is not as it was, or that no host is left: everything must be observed again.
    """
    base = checkpoint.baseline
    if base is None or not _is_unchanged(checkpoint, base, now):
        return None
    spare = base.spare + sum(not each.serves for each in checkpoint.given)
    batch = _batch(base, now, spare)
    if not batch or not all(_is_ready(each, now, at) for each in batch):
        return None
    queue = tuple(each for each in base.queue if each not in batch)
    names = listed([each.host for each in batch])
    step = UpdateHosts(
        hosts=tuple((each.host, each.attempt) for each in batch),
        following=tuple((each.host, each.attempt) for each in queue[: max(len(batch), LOOKAHEAD)]),
        reason=f"{names} next; {len(queue) + base.beyond} to follow",
    )
    addresses = {each.address for each in batch}
    after = replace(
        base,
        attempts=base.attempts + len(batch),
        targets=fingerprint({*now.targets, *addresses}),
        unhealthy=fingerprint(_unhealthy(now.targets) - addresses),
        spare=spare,
        queue=queue,
    )
    return step, Checkpoint(checkpoint.deployment, checkpoint.number + 1, batch, after)


def _is_unchanged(checkpoint: Checkpoint, base: Baseline, now: Changes) -> bool:
    mine = now.deployment
    done = {(each.host, each.number) for each in now.attempts if each.state is AttemptState.ALIVE}
    addresses = [each.address for each in checkpoint.given]
    return (
        mine.state is DeploymentState.RUNNING
        and now.lease.is_held_by(mine.id, mine.epoch)
        and now.execution == base.execution
        and all((each.host, each.attempt) in done for each in checkpoint.given)
        and all(now.targets.get(each) is TargetState.HEALTHY for each in addresses)
        and fingerprint(now.targets) == base.targets
        and fingerprint(_unhealthy(now.targets)) == base.unhealthy
        and fingerprint(now.reporting) == base.reporting
        and fingerprint(now.quarantined) == base.quarantined
        and questions_fingerprint(now.questions) == base.questions
        and fingerprint([repr(mine.policy)]) == base.policy
        and not any(each.ended for each in now.reports.values())
        and not any(0 < now.round <= each.round and each.execution == now.execution for each in now.attempts)
    )


def _batch(base: Baseline, now: Changes, spare: int) -> tuple[QueuedHost, ...]:
    """Return the next hosts, as `next_step` takes them.

    There are none where the execution has no room for one more, or the queue ends before those that follow.
    """
    longest = min(base.limit, HOSTS_PER_EXECUTION - base.attempts)
    if base.beyond and len(base.queue) < longest + max(longest, LOOKAHEAD):
        return ()
    batch: list[QueuedHost] = []
    for each in base.queue[:longest]:
        serves = now.targets.get(each.address, TargetState.ABSENT).serves
        if serves and spare <= 0:
            break
        batch.append(each)
        spare -= serves
    return tuple(batch)


def _is_ready(queued: QueuedHost, now: Changes, at: datetime) -> bool:
    """Return whether the host still needs the version, where it was, and its agent is reachable."""
    report = now.reports.get(queued.host)
    if report is None or report.address != queued.address:
        return False
    state = now.targets.get(queued.address, TargetState.ABSENT)
    needs = drift_reason(report, state, now.deployment.target) is not None
    return needs and state.serves == queued.serves and not report.unreachable_since(at, now.heartbeat_timeout)


def checkpoint_of(facts: Facts, step: UpdateHosts, last: Checkpoint | None) -> Checkpoint:
    """Return the checkpoint of a step that was decided with all facts; `last` is the one before it.

    Hosts that `last` handed out and whose attempts have not ended are still out, as far as anybody knows.
    """
    mine = facts.deployment
    ended = {(each.host, each.number) for each in facts.attempts if each.state.ended}
    lost = [
        each
        for each in (last.given if last else ())
        if (each.host, each.attempt) not in {*ended, *step.hosts} and each.host in facts.reports
    ]
    given = tuple(_queued(facts, host, number) for host, number in step.hosts if host in facts.reports)
    number = last.number + 1 if last else 1
    return Checkpoint(mine.id, number, (*given, *lost), None if lost else _baseline(facts, step))


def _baseline(facts: Facts, step: UpdateHosts) -> Baseline | None:
    """Return the baseline of an ordinary rollout; None while anything needs all facts at every step."""
    members, targets = frozenset(facts.reports) - set(facts.quarantined), facts.targets
    addresses = {facts.reports[host].address for host in members}
    if not _is_ordinary(facts, step) or not addresses.issuperset(targets) or len(addresses) < len(members):
        return None
    given = {facts.reports[host].address for host, _ in step.hosts}
    waiting = [each for each in step.waiting if each not in step.hosts]
    limit, spare = room(facts)
    floor = Floor.of(facts.deployment.policy, members, frozenset(skipped_hosts(facts)))
    return Baseline(
        execution=facts.execution,
        attempts=sum(each.execution == facts.execution for each in facts.attempts) + len(step.hosts),
        reporting=fingerprint(facts.reports),
        targets=fingerprint({*targets, *given}),
        questions=questions_fingerprint(facts.questions),
        unhealthy=fingerprint(_unhealthy(targets) - given),
        quarantined=fingerprint(facts.quarantined),
        required=floor.healthy_hosts,
        limit=limit,
        spare=spare,
        queue=tuple(_queued(facts, host, number) for host, number in waiting[:QUEUE_LIMIT]),
        beyond=len(waiting[QUEUE_LIMIT:]),
        policy=fingerprint([repr(facts.deployment.policy)]),
    )


def _is_ordinary(facts: Facts, step: UpdateHosts) -> bool:
    """Return whether only hosts are left to update: the gates are passed, nothing bakes, and no failure is open."""
    newest = latest_attempts(facts.attempts).values()
    passed = any(each.state is AttemptState.ALIVE and each.group is not Group.CONTROL for each in newest)
    settled = all(each.state is AttemptState.ALIVE or answers_on(facts.questions, each) for each in newest)
    # One that became unhealthy may have fallen, and its report may say so only later.
    present = facts.reports.keys() - facts.quarantined.keys()
    updated = [each.host for each in newest if each.state is AttemptState.ALIVE and each.host in present]
    healthy = all(gets_requests(facts.rotation, host) for host in updated)
    baking = any(bed.state is BedState.BAKING for bed in facts.beds)
    in_test_group = TargetState.TEST_GROUP in facts.rotation.values()
    ordinary = passed and settled and healthy and not baking and not in_test_group
    return step.group is Group.MAIN and ordinary and not fails_open(facts.rotation)


def _queued(facts: Facts, host: str, attempt: int) -> QueuedHost:
    state = facts.rotation.get(host, TargetState.ABSENT)
    return QueuedHost(host, attempt, facts.reports[host].address, state.serves)


def leaves_enough(
    checkpoint: Checkpoint,
    host: tuple[str, int],
    targets: Mapping[str, TargetState],
    reporting: Collection[str],
    quarantined: Collection[str],
) -> TargetState | None:
    """Return the state of a host that may be drained by its name and attempt, else None.

    None refuses nothing: the caller then reads all hosts. The other hosts of this step count as out already.
    """
    base, addresses = checkpoint.baseline, {(each.host, each.attempt): each.address for each in checkpoint.given}
    if (
        base is None
        or host not in addresses
        or fingerprint({*targets, *addresses.values()}) != base.targets
        or fingerprint(reporting) != base.reporting
        or fingerprint(quarantined) != base.quarantined
    ):
        return None
    serving = {address for address, state in targets.items() if state.serves} - set(addresses.values())
    return targets.get(addresses[host], TargetState.ABSENT) if len(serving) >= base.required else None


def fingerprint(names: Collection[str]) -> str:
    """Return a short text that is the same for the same names."""
    return sha256("\n".join(sorted(names)).encode()).hexdigest()


def questions_fingerprint(questions: Sequence[Question]) -> str:
    """Return a short text that changes with every question and every answer."""
    return fingerprint([f"{each.id} {each.answer.choice if each.answer else ''}" for each in questions])


def _unhealthy(targets: Mapping[str, TargetState]) -> set[str]:
    return {address for address, state in targets.items() if not state.serves}

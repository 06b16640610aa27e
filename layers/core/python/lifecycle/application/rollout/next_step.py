"""The loop of a rollout: read the facts, decide the next step, and record it.

Called by functions/rollout/next_step, before each round of hosts in statemachines/rollout.asl.json.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import ceil
from typing import TypeAlias, assert_never

from lifecycle.application.context import Context
from lifecycle.application.ports.step_reads import LoopRecords
from lifecycle.application.rollout import observe
from lifecycle.application.rollout.host_commands import give_turns, prefetch
from lifecycle.application.rollout.policy_floors import read_floors
from lifecycle.application.rollout.questions import approval_question, decision_question
from lifecycle.application.rollout.raised_floors import held_to_floors
from lifecycle.domain.errors import StaleEpoch, StoreRefused
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.host import HostReport
from lifecycle.domain.fleet.target_group import Group
from lifecycle.domain.rollout.attempt import HostAttempt, ReleaseRun
from lifecycle.domain.rollout.checkpoint import Checkpoint, checkpoint_of, continue_from
from lifecycle.domain.rollout.decision import Question
from lifecycle.domain.rollout.deployment import NOT_RESUMED, Deployment, DeploymentState
from lifecycle.domain.rollout.execution import Visit, next_execution
from lifecycle.domain.rollout.lease import RENEWAL_THRESHOLD, RUNNING_LEASE, WAITING_LEASE, Lease
from lifecycle.domain.rollout.next_step import is_late_call, next_step
from lifecycle.domain.rollout.release import begun, may_begin_late, noted
from lifecycle.domain.rollout.steps import (
    AwaitApproval,
    AwaitDecision,
    AwaitResume,
    Bake,
    BeginBake,
    ContinueLater,
    Diagnose,
    EndBake,
    Facts,
    Finish,
    OtherStep,
    RollBack,
    RunReleaseCommand,
    Step,
    UpdateHosts,
)
from lifecycle.domain.rollout.test_bed.model import NO_NOTE, BakeNote, TestBed

# A step decides again when another one has handed out hosts at the same time.
_TRIES = 3

# Where no task can wait for an answer, the loop looks again after as long as the question has been open.
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=15), timedelta(hours=1)

Hosts: TypeAlias = tuple[dict[str, str | int], ...]


@dataclass(frozen=True, slots=True)
class Decided:
    """A step in the form that the state machine reads: a `kind` to branch on, ids, and the reason.

    `seconds` is the length of a wait. `round` is the pass after this one, which the state machine counts too: an
    answer that does not change with it is refused (statemachines/rollout.asl.json, Step).
    """

    kind: str
    reason: str
    hosts: Hosts = ()
    question: str = ""
    outcome: str = ""
    execution: str = ""
    bed: int = 0
    seconds: int = 0
    round: int = 0


def decide_next(context: Context, cluster: Cluster, name: str, execution: str, round_: int = 0) -> Decided:
    """Choose the next step of a deployment and record it for operators; raises Unknown, StoreRefused.

    `round_` counts the passes of the execution's loop. The same round gives the same hosts again; in a later
    one, an attempt without an end is lost, and a human is asked about it.
    """
    visit = Visit(execution, round_)
    found = _decide(context, cluster, name, visit)
    return replace(found, round=round_ + 1)


def _decide(context: Context, cluster: Cluster, name: str, visit: Visit) -> Decided:
    floors = read_floors(context, cluster)  # first: what follows must be read at about one time
    for _ in range(_TRIES):
        records = context.step_reads.of_loop(cluster, name)
        current = records.deployment
        if current is None:
            raise observe.unknown(cluster, name)
        if another := current.carried_by_another(visit.execution):
            # It ends as one that goes on in the deployment's execution, which runs or convergence continues.
            return Decided("CONTINUE", another, execution=current.execution)
        if records.lease.is_held_by(name, current.epoch):
            current = held_to_floors(context, current, floors)
        found = _continued(context, replace(records, deployment=current), visit)
        if found is None:
            facts = observe.facts(context, current, records.lease, visit)
            if is_late_call(facts):
                raise StoreRefused(
                    f"{visit.execution} has gone on since its round {visit.round}; this call is too late"
                )
            step = next_step(facts, context.clock.now())
            current = _noted(context, facts, step)
            if not isinstance(step, UpdateHosts):
                _renew(context, current, records.lease, step)
                return _record(context, replace(facts, deployment=_confirmed(context, current, visit, step)), step)
            found = step, _checkpoint(context, facts, step, records.checkpoint), facts.reports
        update, checkpoint, reports = found
        # What is handed out is on record before anything can happen to it.
        recorded = checkpoint is None or context.deployments.put_checkpoint(checkpoint)
        if recorded and _begin(context, current, update, visit):
            _renew(context, current, records.lease, update)
            return _hand_out(context, _confirmed(context, current, visit, update), update, reports)
    raise StoreRefused(f"expected one loop of {name}, found another that decides at the same time: try again")


def _noted(context: Context, facts: Facts, step: Step) -> Deployment:
    """Return the deployment with what is known of its release command; one that has ended stays as it is."""
    current, now = facts.deployment, context.clock.now()
    turns = [prefetch(current, each.host, each.number + 1, now) for each in may_begin_late(facts, step)]
    _ = give_turns(context, current, turns)  # refused: the host holds a later command
    noting = replace(current, release=noted(facts, step, now))
    return noting if noting != current and context.deployments.put(noting) else current


def _confirmed(context: Context, current: Deployment, visit: Visit, step: Step) -> Deployment:
    """Return the deployment without its count of vain executions, once this one has come back to the loop.

    A step that ends the loop, or whose task must leave a record first, shows nothing of the kind.
    """
    counts = isinstance(step, UpdateHosts | AwaitDecision | AwaitApproval | AwaitResume | BeginBake | Bake)
    if visit.round < 2 or not counts or current.resumptions == NOT_RESUMED:
        return current
    works = replace(current, resumptions=NOT_RESUMED)
    if not context.deployments.put(works):
        raise StoreRefused(f"{current.id} has ended after it was read: decide again")
    return works


def _begin(context: Context, current: Deployment, step: UpdateHosts, visit: Visit) -> bool:
    """Write the attempt of each host; returns False if another loop has handed one out.

    Hosts that were handed out by an earlier call of this pass have their attempts already.
    """
    if step.again:
        return True
    now = context.clock.now()
    return all(
        context.deployments.begin_attempt(replace(_attempt(current, each, visit, now), group=step.group))
        for each in step.hosts
    )


def _attempt(current: Deployment, host: tuple[str, int], visit: Visit, now: datetime) -> HostAttempt:
    name, number = host
    return HostAttempt(current.id, name, number, current.epoch, visit.execution, now, round=visit.round)


def _begin_release(context: Context, facts: Facts, step: RunReleaseCommand) -> Deployment:
    """Record the run before its command can begin; raises StoreRefused if another loop has handed one out.

    Returns the deployment, which is not stored yet.
    """
    if step.again:
        return facts.deployment
    current, now = facts.deployment, context.clock.now()
    attempt = _attempt(current, (step.host, step.attempt), facts.visit, now)
    attempt = replace(attempt, release=ReleaseRun.NOT_KNOWN)
    if not context.deployments.begin_attempt(attempt):
        raise StoreRefused(f"another call has begun attempt {step.attempt} of {step.host}: decide again")
    return replace(current, release=begun(facts, attempt))


def _continued(
    context: Context, records: LoopRecords, visit: Visit
) -> tuple[UpdateHosts, Checkpoint | None, Mapping[str, HostReport]] | None:
    """Return the next hosts of the checkpoint, and their reports; None where everything must be observed."""
    changes = observe.changes(context, records, visit)
    if records.checkpoint is None or changes is None:
        return None
    found = continue_from(records.checkpoint, changes, context.clock.now())
    return (*found, changes.reports) if found else None


def _checkpoint(context: Context, facts: Facts, step: UpdateHosts, last: Checkpoint | None) -> Checkpoint | None:
    """Return the checkpoint of this step; None in a small cluster, where reading everything takes fewer calls."""
    if last is None and len(facts.reports) < context.checkpoint_from:
        return None
    return checkpoint_of(facts, step, last)


def _hand_out(context: Context, current: Deployment, step: UpdateHosts, reports: Mapping[str, HostReport]) -> Decided:
    _prefetch(context, current, step, reports)
    _set_state(context, current, DeploymentState.RUNNING, step.reason)
    return Decided("UPDATE_HOSTS", step.reason, hosts=_named(*step.hosts, group=step.group))


def _renew(context: Context, current: Deployment, lease: Lease, step: Step) -> None:
    """Renew the lease for as long as this step may take; a fenced deployment learns of it at its next step."""
    if isinstance(step, Finish | RollBack):
        return
    if not lease.is_held_by(current.id, current.epoch):
        return
    waits = isinstance(step, AwaitDecision | AwaitApproval | AwaitResume)
    duration, minimum = (
        (WAITING_LEASE, WAITING_LEASE - timedelta(days=1)) if waits else (RUNNING_LEASE, RENEWAL_THRESHOLD)
    )
    now = context.clock.now()
    if lease.expires_at is None or lease.expires_at - now < minimum:
        with suppress(StaleEpoch):
            _ = context.leases.renew(current.cluster, lease, now + duration)  # the next step reads it again


def _record(context: Context, facts: Facts, step: OtherStep) -> Decided:  # noqa: C901, PLR0911, PLR0912 (one case each)
    current = facts.deployment
    match step:
        case RunReleaseCommand(host, attempt, reason):
            _set_state(context, _begin_release(context, facts, step), DeploymentState.RUNNING, reason)
            return Decided("RELEASE_COMMAND", reason, hosts=_named((host, attempt)))
        case Diagnose(host, attempt, reason):
            _ask_for_diagnosis(context, facts, host, attempt)
            _set_state(context, current, DeploymentState.RUNNING, reason)
            return Decided("DIAGNOSE", reason, hosts=_named((host, attempt)))
        case AwaitDecision():
            return _await(context, current, decision_question(context, facts, step), DeploymentState.HALTED)
        case AwaitApproval():
            question = approval_question(context, current, step)
            return _await(context, current, question, DeploymentState.AWAITING_APPROVAL)
        case AwaitResume(question, _):
            return _await(context, current, question, DeploymentState.PAUSED)
        case BeginBake():
            _begin_bake(context, current, step)
            return Decided("BAKE", step.reason, seconds=ceil(context.minute.total_seconds()))
        case Bake(seconds, reason, note):
            _set_state(context, current, DeploymentState.RUNNING, reason, note)
            return Decided("BAKE", reason, seconds=seconds)
        case EndBake(number, state, reason):
            _ask_for_end(context, facts, number, reason)
            return Decided("END_BAKE", reason, outcome=state, bed=number)
        case RollBack(by, reason):
            context.record(current.cluster, "roll back", by, reason, deployment=current.id)
            return Decided("ROLL_BACK", reason)
        case ContinueLater(reason):
            return Decided("CONTINUE", reason, execution=next_execution(facts.execution))
        case Finish(outcome, reason, _, failed_host):
            if failed_host and not context.deployments.put(replace(current, failed_host=failed_host)):
                raise StoreRefused(f"{current.id} has ended after it was read: decide again")
            return Decided("FINISH", reason, outcome=outcome)
        case _:
            assert_never(step)


def _ask_for_diagnosis(context: Context, facts: Facts, host: str, number: int) -> None:
    """Record which pass asks for the diagnosis: if a later one finds none, it was lost."""
    attempt = next(a for a in facts.attempts if (a.host, a.number) == (host, number))
    if not context.deployments.put_attempt(replace(attempt, diagnosed_in=facts.visit)):
        raise StoreRefused(f"attempt {number} of {host} went on after it was read: decide again")


def _ask_for_end(context: Context, facts: Facts, number: int, reason: str) -> None:
    """Record which pass asks for the end of the test bed; raises StoreRefused if an earlier one did in vain."""
    current = facts.deployment
    asked = current.bake_note.ended_in
    if asked is not None and asked.was_before(facts.visit):
        raise StoreRefused(f"test bed {number} of {current.id} still bakes after end_bake was called; see its log")
    note = replace(current.bake_note, ended_in=facts.visit)
    _set_state(context, current, DeploymentState.RUNNING, reason, note)


def _prefetch(context: Context, current: Deployment, step: UpdateHosts, reports: Mapping[str, HostReport]) -> None:
    """Command hosts to fetch the version: those of this round and the next one again, others until they are ready.

    An agent polls quickly once its command changes (apps/agent/polling.py).
    """
    now, size = context.clock.now(), len(step.hosts)
    near, far = (*step.hosts, *step.following[:size]), step.following[size:]
    waiting = [
        (host, number)
        for host, number in far
        if not ((report := reports.get(host)) and report.is_ready(current.epoch, number))
    ]
    turns = [prefetch(current, host, number, now, step.group) for host, number in (*near, *waiting)]
    _ = give_turns(context, current, turns)  # a refused one is on record; the stage of that host fails with it


def _named(*hosts: tuple[str, int], group: Group = Group.MAIN) -> Hosts:
    return tuple({"host": host, "attempt": attempt, "group": group} for host, attempt in hosts)


def _begin_bake(context: Context, current: Deployment, step: BeginBake) -> None:
    """Record a new test bed; the store ignores it if this one was begun before, so no measurement is lost."""
    (host, attempt), (control, control_attempt) = step.host, step.control
    minutes = current.policy.bake_minutes
    _set_state(context, current, DeploymentState.RUNNING, f"the test bed bakes, {step.reason}")
    context.record_action(current.cluster, current.id, f"bake for {minutes} minutes", step.reason, host)
    _ = context.deployments.put_bed(  # refused: this test bed was begun before, and goes on
        TestBed(
            deployment=current.id,
            number=step.number,
            host=host,
            attempt=attempt,
            control=control,
            control_attempt=control_attempt,
            began_at=context.clock.now(),
            minutes=minutes,
        )
    )


def _await(context: Context, current: Deployment, question: Question, state: DeploymentState) -> Decided:
    if (current.state, current.reason) != (state, question.reason):
        what = f"halted at {question.host}" if question.host else state.lower().replace("_", " ")
        context.record_action(current.cluster, current.id, what, question.reason, question.host)
    recorded = context.deployments.ask(question)
    _set_state(context, current, state, question.reason)
    pause = min(max(context.clock.now() - recorded.asked_at, _FIRST_PAUSE), _LONGEST_PAUSE)
    return Decided("AWAIT_HUMAN", question.reason, question=recorded.id, seconds=ceil(pause.total_seconds()))


def _set_state(
    context: Context, current: Deployment, state: DeploymentState, reason: str, note: BakeNote = NO_NOTE
) -> None:
    changed = replace(current, state=state, reason=reason, bake_note=note)
    if changed != current and not context.deployments.put(changed):
        raise StoreRefused(f"{current.id} has ended after it was read: decide again")

"""Phase 7, watch: what follows from alarms, while a deployment runs and for as long after it as its policy says.

Called by functions/monitoring/watch, when an alarm changed and every few minutes. Every effect is one that an operator has too,
recorded under a name that is made from the alarm or the deployment: done twice, it is done once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from lifecycle.application.context import Context
from lifecycle.application.ports.alarms import Alarms
from lifecycle.application.rollout import observe
from lifecycle.application.rollout.requests import payload
from lifecycle.application.rollout.rollback import request_rollback
from lifecycle.application.rollout.task_tokens import resume_unanswered
from lifecycle.domain.errors import LifecycleError, Refused
from lifecycle.domain.monitoring.alarms import (
    Alarm,
    AlarmAction,
    Nothing,
    NotifyOperators,
    Pause,
    RequestRollback,
    ResumeAgain,
    RollbackBlocked,
    StartRollback,
    WatchFacts,
    follow,
    rollback_of,
)
from lifecycle.domain.monitoring.audit import AuditEntry, AuditKind
from lifecycle.domain.rollout.decision import (
    CONSEQUENCES,
    Answer,
    Choice,
    EvidenceKind,
    Question,
    QuestionKind,
)
from lifecycle.domain.rollout.deployment import Deployment, Kind, Request, deployment_id


@dataclass(frozen=True, slots=True)
class Watched:
    """What an alarm led to: PAUSE, GO_BACK, WAKE, START_ROLLBACK, HELD_UP, TELL, NOTHING or FAILED, and why."""

    alarm: str
    kind: str
    reason: str
    deployment: str = ""


def watch(context: Context, alarms: Alarms, names: Sequence[str] = ()) -> list[Watched]:
    """Look at these alarms, or at every one that rings, and do what follows."""
    found, now = alarms.named(names) if names else alarms.ringing(), context.clock.now()
    return [_watch_one(context, alarm, now) for alarm in found]


def _watch_one(context: Context, alarm: Alarm, now: datetime) -> Watched:
    """One alarm by itself: a cluster that cannot be read must not silence the alarms of the others."""
    try:
        return _act(context, alarm, follow(watch_facts(context, alarm), now), now)
    except LifecycleError as error:
        return Watched(alarm.name, "FAILED", str(error))


def watch_facts(context: Context, alarm: Alarm) -> WatchFacts:
    """Return everything that is decided on when an alarm rings, read afresh."""
    if not alarm.ringing:
        return WatchFacts(alarm, None)
    cluster = alarm.cluster
    recent = context.deployments.recent(cluster, observe.RECENT_LIMIT)
    # A repair brings nothing new, and one that has no epoch has not begun.
    begun = (each for each in recent if each.epoch and each.request.kind is not Kind.CONVERGE)
    known = ((each, *context.deployments.attempts_and_questions(each.id)) for each in begun)
    current, attempts, questions = next((each for each in known if each[1]), (None, (), ()))
    if current is None:
        return WatchFacts(alarm, None)
    lease = context.leases.current(cluster)
    told = context.audit_log.read(cluster, after=alarm.since)
    return WatchFacts(
        alarm=alarm,
        deployment=current,
        attempts=tuple(attempts),
        questions=tuple(questions),
        rollback=rollback_of(current, recent),
        lease=lease,
        holder=context.deployments.get(cluster, lease.deployment) if lease.deployment else None,
        notified=frozenset(e.deployment for e in told if (e.at, e.who) == (alarm.since, _requester(alarm))),
        minute=context.minute,
    )


def _act(  # noqa: PLR0911 (one case a kind)
    context: Context, alarm: Alarm, found: AlarmAction, now: datetime
) -> Watched:
    match found:
        case Nothing(reason):
            return Watched(alarm.name, "NOTHING", reason)
        case Pause(current, reason):
            _tell(context, alarm, current.id, "pause", reason)
            context.deployments.ask(_pause(context, alarm, current))
            return Watched(alarm.name, "PAUSE", reason, current.id)
        case RequestRollback(current, reason):
            return _request_rollback(context, alarm, current, reason)
        case ResumeAgain(current, reason):
            resume_unanswered(context, current.id)
            return Watched(alarm.name, "WAKE", reason, current.id)
        case StartRollback():
            return _start_rollback(context, alarm, found, now)
        case RollbackBlocked(holder, reason):
            _tell(context, alarm, holder, "waits for", reason)
            return Watched(alarm.name, "HELD_UP", reason, holder)
        case NotifyOperators(current, reason):
            _tell(context, alarm, current.id, "is left to you", reason)
            return Watched(alarm.name, "TELL", reason, current.id)


def _requester(alarm: Alarm) -> str:
    return f"alarm {alarm.name}"


def _tell(context: Context, alarm: Alarm, deployment: str, what: str, reason: str) -> None:
    """A line of the trail at the time of the alarm: told again, it is the same line."""
    context.audit_log.append(
        AuditEntry(
            at=alarm.since,
            cluster=str(alarm.cluster),
            what=f"alarm: {what}",
            who=_requester(alarm),
            why=reason,
            deployment=deployment,
            kind=AuditKind.ALARM,
        )
    )


def _pause(context: Context, alarm: Alarm, current: Deployment) -> Question:
    now, cluster = context.clock.now(), alarm.cluster
    back = f"lifecycle rollback {cluster.service} --environment {cluster.environment}"
    return Question(
        deployment=current.id,
        id=alarm.pause,
        kind=QuestionKind.RESUME,
        choices=(Choice.RESUME, Choice.ABORT),
        reason=f"paused by the alarm {alarm.name} at {now:%Y-%m-%d %H:%M:%S} UTC: {alarm.expected}",
        asked_at=now,
        evidence=f"expected: {alarm.expected}\nfound: {alarm.found}\nto go back instead: {back}",
        evidence_kind=EvidenceKind.ALARM,
        effects={
            Choice.RESUME: f"{CONSEQUENCES[Choice.RESUME]}; {alarm.name} pauses it again only when it rings anew",
            Choice.ABORT: CONSEQUENCES[Choice.ABORT],
        },
    )


def _request_rollback(context: Context, alarm: Alarm, current: Deployment, reason: str) -> Watched:
    """The rollout may have ended in the meantime: then nothing was done, and the next look finds it so."""
    _tell(context, alarm, current.id, "roll back", reason)
    answer = Answer(Choice.ROLL_BACK, _requester(alarm), reason, context.clock.now())
    try:
        request_rollback(context, alarm.cluster, current.id, answer)
    except Refused as refused:
        return Watched(alarm.name, "NOTHING", str(refused), current.id)
    return Watched(alarm.name, "GO_BACK", reason, current.id)


def _start_rollback(context: Context, alarm: Alarm, found: StartRollback, now: datetime) -> Watched:
    """The record comes first: whoever looks next starts the same rollback, and no second one."""
    _tell(context, alarm, found.deployment.id, "roll back", found.reason)
    request = found.rollback.request if found.rollback else _rollback(alarm, found, now)
    if found.rollback is None:
        why, policy = f"rolls back {found.deployment.id}", found.deployment.policy
        context.deployments.put(Deployment.not_begun(request, found.to, policy, now, why))
    context.executions.start_rollout(request.deployment, payload(request))
    return Watched(alarm.name, "START_ROLLBACK", found.reason, request.deployment)


def _rollback(alarm: Alarm, found: StartRollback, now: datetime) -> Request:
    """Its name is made of what it rolls back and the time of the look: two alarms at once ask for one rollback.

    A look after it was refused asks under another name; an execution's name is used once.
    """
    rolled_back = found.deployment.id
    return Request(
        deployment=deployment_id(alarm.cluster, now, f"{rolled_back.rsplit('-', 1)[1]}r"),
        service=alarm.cluster.service,
        environment=alarm.cluster.environment,
        version=found.to.version,
        requested_by=_requester(alarm),
        reason=found.reason,
        kind=Kind.ROLLBACK,
        rollback_of=rolled_back,
    )

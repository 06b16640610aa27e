"""Alarms: pause or roll back a deployment when an alarm rings, during it and for its policy's time after it.

Called by functions/monitoring/watch, when an alarm changes and every few minutes. Every effect is a command
that an operator has too. Its record's name derives from the alarm or the deployment, so a repeat has no
further effect.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from lifecycle.application.context import Context
from lifecycle.application.ports.alarms import Alarms
from lifecycle.application.readable import readable
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
from lifecycle.domain.rollout.attempt import HostAttempt
from lifecycle.domain.rollout.decision import CONSEQUENCES, Answer, Choice, EvidenceKind, Question, QuestionKind
from lifecycle.domain.rollout.deployment import Deployment, Kind, Request, requested_at


@dataclass(frozen=True, slots=True)
class Watched:
    """The action for an alarm and its reason.

    `kind` is PAUSE, REQUEST_ROLLBACK, RESUME, START_ROLLBACK, ROLLBACK_BLOCKED, NOTIFY, NOTHING or FAILED.
    """

    alarm: str
    kind: str
    reason: str
    deployment: str = ""


def watch(context: Context, alarms: Alarms, names: Sequence[str] = ()) -> list[Watched]:
    """Act on the named alarms, or on every one that rings."""
    found, now = alarms.named(names) if names else alarms.ringing(), context.clock.now()
    return [_watch_one(context, alarm, now) for alarm in found]


def _watch_one(context: Context, alarm: Alarm, now: datetime) -> Watched:
    """Act on one alarm; an error is its result, since a cluster that cannot be read must not stop other alarms."""
    try:
        return _act(context, alarm, follow(watch_facts(context, alarm), now), now)
    except LifecycleError as error:
        return Watched(alarm.name, "FAILED", str(error))


def _touches_hosts(each: Deployment, attempts: Sequence[HostAttempt]) -> bool:
    """Return whether an alarm may be about this deployment; one that only ran its release command must still run."""
    return any(not attempt.release or not each.state.final for attempt in attempts)


def watch_facts(context: Context, alarm: Alarm) -> WatchFacts:
    """Read everything that the action for an alarm depends on."""
    if not alarm.ringing:
        return WatchFacts(alarm, None)
    cluster = alarm.cluster
    recent, unreadable = readable(lambda: context.deployments.recent_without_hosts(cluster, observe.RECENT_LIMIT), ())
    # A repair brings no new version, and a deployment without an epoch has not begun.
    started = (each for each in recent if each.epoch and each.request.kind is not Kind.CONVERGE)
    known = ((each, *context.deployments.attempts_and_questions(each.id)) for each in started)
    current, attempts, questions = next((each for each in known if _touches_hosts(each[0], each[1])), (None, (), ()))
    for error in unreadable:
        # It may be the one that the alarm is about. An older one is not followed any more.
        if current is None or requested_at(error.name) >= requested_at(current.id):
            raise error
    if current is None:
        return WatchFacts(alarm, None)
    lease = context.leases.current(cluster)
    entries, _ = readable(lambda: context.audit_log.read(cluster, after=alarm.since), ())
    return WatchFacts(
        alarm=alarm,
        deployment=current,
        attempts=tuple(attempts),
        questions=tuple(questions),
        rollback=rollback_of(current, recent),
        lease=lease,
        holder=context.deployments.get(cluster, lease.deployment) if lease.deployment else None,
        notified=frozenset(e.deployment for e in entries if (e.at, e.who) == (alarm.since, _requester(alarm))),
        minute=context.minute,
    )


def _act(  # noqa: PLR0911 (one case per kind)
    context: Context, alarm: Alarm, found: AlarmAction, now: datetime
) -> Watched:
    match found:
        case Nothing(reason):
            return Watched(alarm.name, "NOTHING", reason)
        case Pause(current, reason):
            _audit(context, alarm, current.id, "pause", reason)
            asked = context.deployments.ask(_pause(context, alarm, current))
            if asked.answer:
                why = f"{asked.answer.by} has answered this pause: {asked.answer.choice}"
                return Watched(alarm.name, "NOTHING", why, current.id)
            return Watched(alarm.name, "PAUSE", reason, current.id)
        case RequestRollback(current, reason):
            return _request_rollback(context, alarm, current, reason)
        case ResumeAgain(current, reason):
            resume_unanswered(context, current.id)
            return Watched(alarm.name, "RESUME", reason, current.id)
        case StartRollback():
            return _start_rollback(context, alarm, found, now)
        case RollbackBlocked(holder, reason):
            _audit(context, alarm, holder, "waits for", reason)
            return Watched(alarm.name, "ROLLBACK_BLOCKED", reason, holder)
        case NotifyOperators(current, reason):
            _audit(context, alarm, current.id, "is left to you", reason)
            return Watched(alarm.name, "NOTIFY", reason, current.id)


def _requester(alarm: Alarm) -> str:
    return f"alarm {alarm.name}"


def _audit(context: Context, alarm: Alarm, deployment: str, what: str, reason: str) -> None:
    """Write an audit entry at the time of the alarm, so that a repeat writes the same entry."""
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
    rollback = f"lifecycle rollback {cluster.service} --environment {cluster.environment}"
    return Question(
        deployment=current.id,
        id=alarm.pause,
        kind=QuestionKind.RESUME,
        choices=(Choice.RESUME, Choice.ABORT),
        reason=f"paused by the alarm {alarm.name} at {now:%Y-%m-%d %H:%M:%S} UTC: {alarm.expected}",
        asked_at=now,
        evidence=f"expected: {alarm.expected}\nfound: {alarm.found}\nto roll back instead: {rollback}",
        evidence_kind=EvidenceKind.ALARM,
        effects={
            Choice.RESUME: f"{CONSEQUENCES[Choice.RESUME]}; {alarm.name} pauses it again only if it rings again",
            Choice.ABORT: CONSEQUENCES[Choice.ABORT],
        },
    )


def _request_rollback(context: Context, alarm: Alarm, current: Deployment, reason: str) -> Watched:
    """Request a rollback; NOTHING if the rollout has ended meanwhile: the next call then acts on that."""
    _audit(context, alarm, current.id, "roll back", reason)
    answer = Answer(Choice.ROLL_BACK, _requester(alarm), reason, context.clock.now())
    try:
        request_rollback(context, alarm.cluster, current.id, answer)
    except Refused as refused:
        return Watched(alarm.name, "NOTHING", str(refused), current.id)
    return Watched(alarm.name, "REQUEST_ROLLBACK", reason, current.id)


def _start_rollback(context: Context, alarm: Alarm, found: StartRollback, now: datetime) -> Watched:
    """Record the rollback, then start it; after a crash in between, the next call starts the same rollback."""
    _audit(context, alarm, found.deployment.id, "roll back", found.reason)
    request = found.rollback.request if found.rollback else _rollback(alarm, found, now)
    if found.rollback is None:
        why, policy = f"rolls back {found.deployment.id}", found.deployment.policy
        recorded = Deployment.not_begun(request, found.to, policy, now, why)
        _ = context.deployments.put(recorded)  # refused: another call has recorded it, and it has ended since
    # Refused: another call has started it, and the next call looks at how it goes on.
    _ = context.executions.start_rollout(request.deployment, payload(request))
    return Watched(alarm.name, "START_ROLLBACK", found.reason, request.deployment)


def _rollback(alarm: Alarm, found: StartRollback, now: datetime) -> Request:
    """Return the request for a rollback, named after the deployment and the time of this call.

    So two alarms at the same time request one rollback. A call after a refusal uses another name, since the
    name of an execution can be used only once.
    """
    return found.deployment.rollback_request(found.to, _requester(alarm), found.reason, now)

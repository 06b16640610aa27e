"""Phase 7, watch: what follows from alarms, while a deployment runs and for as long after it as its policy says.

Called by functions/watch, when an alarm changed and every few minutes. Every effect is one that an operator has too,
recorded under a name that is made from the alarm or the deployment: done twice, it is done once.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from lifecycle.application import observe
from lifecycle.application.decide import request_rollback
from lifecycle.application.notice_ports import Alarms
from lifecycle.application.requests import payload
from lifecycle.application.world import World
from lifecycle.domain.deployment import Deployment, Kind, Request, TrailEntry, deployment_id
from lifecycle.domain.errors import Refused
from lifecycle.domain.questions import CONSEQUENCES, Answer, Choice, Question
from lifecycle.domain.watching import (
    ALARM,
    Alarm,
    Follows,
    GoBack,
    Nothing,
    Pause,
    StartRollback,
    Tell,
    WatchFacts,
    follow,
)


@dataclass(frozen=True, slots=True)
class Watched:
    """What an alarm led to: PAUSE, GO_BACK, START_ROLLBACK, TELL or NOTHING, and why."""

    alarm: str
    kind: str
    reason: str
    deployment: str = ""


def watch(world: World, alarms: Alarms, names: Sequence[str] = ()) -> list[Watched]:
    """Look at these alarms, or at every one that rings, and do what follows."""
    found = alarms.named(names) if names else alarms.ringing()
    return [_act(world, alarm, follow(_facts(world, alarm), world.clock.now())) for alarm in found]


def _facts(world: World, alarm: Alarm) -> WatchFacts:
    recent = world.deployments.recent(alarm.cluster, observe.REMEMBERED)
    # A repair brings nothing new, and one that has no epoch has not begun.
    current = next((d for d in recent if d.epoch and d.request.kind is not Kind.CONVERGE), None)
    if not alarm.ringing or current is None:
        return WatchFacts(alarm, current)
    attempts, questions = world.deployments.told(current.id)
    told = world.trail.read(alarm.cluster, after=alarm.since)
    return WatchFacts(
        alarm=alarm,
        deployment=current,
        attempts=tuple(attempts),
        questions=tuple(questions),
        heir=next((d for d in recent if d.request.rollback_of == current.id), None),
        told=any((e.at, e.who, e.deployment) == (alarm.since, _who(alarm), current.id) for e in told),
        minute=world.minute,
    )


def _act(world: World, alarm: Alarm, found: Follows) -> Watched:
    match found:
        case Nothing(reason):
            return Watched(alarm.name, "NOTHING", reason)
        case Pause(current, reason):
            _tell(world, alarm, current, "pause", reason)
            world.deployments.ask(_pause(world, alarm, current))
            return Watched(alarm.name, "PAUSE", reason, current.id)
        case GoBack(current, reason):
            return _go_back(world, alarm, current, reason)
        case StartRollback():
            return _start_rollback(world, alarm, found)
        case Tell(current, reason):
            _tell(world, alarm, current, "is left to you", reason)
            return Watched(alarm.name, "TELL", reason, current.id)


def _who(alarm: Alarm) -> str:
    return f"alarm {alarm.name}"


def _tell(world: World, alarm: Alarm, current: Deployment, what: str, reason: str) -> None:
    """A line of the trail at the time of the alarm: told again, it is the same line."""
    line = f"{ALARM}: {what}"
    world.trail.append(
        TrailEntry(alarm.since, str(alarm.cluster), line, _who(alarm), reason, deployment=current.id)
    )


def _pause(world: World, alarm: Alarm, current: Deployment) -> Question:
    now, cluster = world.clock.now(), alarm.cluster
    back = f"lifecycle rollback {cluster.service} --environment {cluster.environment}"
    return Question(
        deployment=current.id,
        id=alarm.pause,
        choices=(Choice.RESUME, Choice.ABORT),
        reason=f"paused by the alarm {alarm.name} at {now:%Y-%m-%d %H:%M:%S} UTC: {alarm.expected}",
        asked_at=now,
        evidence=f"expected: {alarm.expected}\nfound: {alarm.found}\nto go back instead: {back}",
        effects={
            Choice.RESUME: f"{CONSEQUENCES[Choice.RESUME]}; {alarm.name} pauses it again only when it rings anew",
            Choice.ABORT: CONSEQUENCES[Choice.ABORT],
        },
    )


def _go_back(world: World, alarm: Alarm, current: Deployment, reason: str) -> Watched:
    """The rollout may have ended in the meantime: then nothing was done, and the next look finds it so."""
    _tell(world, alarm, current, "roll back", reason)
    answer = Answer(Choice.ROLL_BACK, _who(alarm), reason, world.clock.now())
    try:
        request_rollback(world, alarm.cluster, current.id, answer)
    except Refused as refused:
        return Watched(alarm.name, "NOTHING", str(refused), current.id)
    return Watched(alarm.name, "GO_BACK", reason, current.id)


def _start_rollback(world: World, alarm: Alarm, found: StartRollback) -> Watched:
    """The record comes first: whoever looks next starts the same rollback, and no second one."""
    _tell(world, alarm, found.deployment, "roll back", found.reason)
    request = found.heir.request if found.heir else _rollback(world, alarm, found)
    if found.heir is None:
        why, policy = f"rolls back {found.deployment.id}", found.deployment.policy
        world.deployments.put(Deployment.not_begun(request, found.to, policy, world.clock.now(), why))
    world.executions.start_rollout(request.deployment, payload(request))
    return Watched(alarm.name, "START_ROLLBACK", found.reason, request.deployment)


def _rollback(world: World, alarm: Alarm, found: StartRollback) -> Request:
    """Its name ends as that of what it rolls back does: two alarms in one second ask for one rollback."""
    rolled_back = found.deployment.id
    return Request(
        deployment=deployment_id(alarm.cluster, world.clock.now(), f"{rolled_back.rsplit('-', 1)[1]}r"),
        service=alarm.cluster.service,
        environment=alarm.cluster.environment,
        version=found.to.version,
        requested_by=_who(alarm),
        reason=found.reason,
        kind=Kind.ROLLBACK,
        rollback_of=rolled_back,
    )

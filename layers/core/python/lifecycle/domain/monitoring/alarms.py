"""Alarms: decide whether a ringing alarm concerns the serving deployment, and what follows.

Called by functions/monitoring/watch when an alarm changes, and every few minutes. An alarm is a hint: the
decision uses the alarm's state at the time of the check, and the ledger.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeAlias

from lifecycle import names
from lifecycle.domain.errors import InvalidName
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.attempt import HostAttempt
from lifecycle.domain.rollout.decision import Question, QuestionKind, pause_id
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState, Kind
from lifecycle.domain.rollout.lease import Lease
from lifecycle.domain.service.policy import OnAlarm
from lifecycle.domain.service.target import Target

PREFIX = f"{names.CLUSTER_PREFIX}-"
LETTERS = {letter: environment for environment, letter in names.ENVIRONMENT_LETTERS.items()}
# An alarm that began in time is followed for so long after the watch: its message may be lost until the next check.
LATE_ALARM = timedelta(minutes=20)
NEVER_STARTED = (DeploymentState.REFUSED, DeploymentState.SUPERSEDED, DeploymentState.STALE)
KINDS = {Kind.DEPLOY: "deployment", Kind.ROLLBACK: "rollback", Kind.CONVERGE: "repair"}


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm of one cluster; `since` is the time of its last change of state.

    `expected` describes the metric while the alarm does not ring; `found` is the metric at the last change.
    """

    name: str
    cluster: Cluster
    ringing: bool
    since: datetime
    expected: str
    found: str

    @property
    def sentence(self) -> str:
        """The reason that a ringing alarm gives to a pause, a rollback or a notification."""
        since = f"{self.since:%Y-%m-%d %H:%M:%S} UTC"
        return f"{self.name} has been ringing since {since} (expected: {self.expected}; found: {self.found})"

    @property
    def pause(self) -> str:
        """The id of the question that records a pause by this alarm, since it began to ring."""
        return pause_id(f"{self.name}-{self.since:%Y%m%d%H%M%S}")


def cluster_of_alarm(name: str) -> Cluster | None:
    """Return the cluster in an alarm's name, such as lc-p-hello-errors; None for an alarm of somebody else."""
    if not name.startswith(PREFIX):
        return None
    letter, _, rest = name.removeprefix(PREFIX).partition("-")
    service, _, sign = rest.rpartition("-")
    if letter not in LETTERS or sign not in names.ALARM_SIGNS:
        return None
    try:
        return Cluster(LETTERS[letter], service)
    except InvalidName:
        return None


@dataclass(frozen=True, slots=True)
class WatchFacts:
    """The facts that `follow` decides on. `deployment` is the newest that touched a host, repairs left out.

    `attempts` and `questions` are those of the deployment. `rollback` is a rollback of it that was requested
    before. `lease` is the cluster's, `holder` the record of the deployment that holds it. `notified` are the
    deployments for which the audit log has an entry about this alarm since it began to ring.
    """

    alarm: Alarm
    deployment: Deployment | None
    attempts: tuple[HostAttempt, ...] = ()
    questions: tuple[Question, ...] = ()
    rollback: Deployment | None = None
    lease: Lease = field(default_factory=Lease)
    holder: Deployment | None = None
    notified: frozenset[str] = frozenset()
    minute: timedelta = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Pause:
    """A stop of the rollout before its next host, with a question to a human."""

    deployment: Deployment
    reason: str


@dataclass(frozen=True, slots=True)
class RequestRollback:
    """A request to the running rollout to roll back."""

    deployment: Deployment
    reason: str


@dataclass(frozen=True, slots=True)
class ResumeAgain:
    """A repeated resume signal, in case the first was lost; the rollback was requested before."""

    deployment: Deployment
    reason: str


@dataclass(frozen=True, slots=True)
class StartRollback:
    """A deployment of `to`, the version before it, because the rollout itself has ended.

    `rollback` is the rollback that was recorded before, if any.
    """

    deployment: Deployment
    to: Target
    rollback: Deployment | None
    reason: str


@dataclass(frozen=True, slots=True)
class RollbackBlocked:
    """A notification that `holder` has the cluster, so the rollback cannot begin; the next check tries again."""

    holder: str
    reason: str


@dataclass(frozen=True, slots=True)
class NotifyOperators:
    """A notification that the rollout has ended, and that the policy leaves the decision to operators."""

    deployment: Deployment
    reason: str


@dataclass(frozen=True, slots=True)
class Nothing:
    """No action: the alarm does not concern a deployment, or everything that follows was done before."""

    reason: str


AlarmAction: TypeAlias = (
    Pause | RequestRollback | ResumeAgain | StartRollback | RollbackBlocked | NotifyOperators | Nothing
)


def rollback_of(current: Deployment, recent: Sequence[Deployment]) -> Deployment | None:
    """Return the rollback of a deployment that was requested before; a pending one only if none has begun.

    A rollback that was refused, or lost before it had the lease, does not count, and another may be tried.
    One that a human cancelled counts.
    """
    requested = [each for each in recent if each.request.rollback_of == current.id]
    rollbacks = [each for each in requested if each.epoch or each.state not in NEVER_STARTED]
    return min(rollbacks, key=lambda each: each.state is DeploymentState.QUEUED, default=None)


def watched_until(deployment: Deployment, minute: timedelta) -> datetime | None:
    """Return the end of the watch over a deployment; None while it runs, and if its policy watches nothing."""
    watched = deployment.policy.watch_minutes and deployment.request.kind is not Kind.CONVERGE
    if not watched or deployment.state is not DeploymentState.DONE or deployment.finished_at is None:
        return None
    return deployment.finished_at + deployment.policy.watch_minutes * minute


def follow(facts: WatchFacts, now: datetime) -> AlarmAction:
    """Decide what an alarm means for the serving deployment. A rollback is never rolled back."""
    alarm, current = facts.alarm, facts.deployment
    if not alarm.ringing:
        return Nothing(f"{alarm.name} does not ring any more")
    if current is None:
        return Nothing(f"no deployment has touched a host of {alarm.cluster}")
    if why := _unrelated(facts, current):
        return Nothing(why)
    return _after_end(facts, current, now) if current.state is DeploymentState.DONE else _during(facts, current)


def _unrelated(facts: WatchFacts, current: Deployment) -> str:
    """Return why the alarm does not concern the deployment; empty if it may."""
    alarm = facts.alarm
    if not current.policy.watch_minutes:
        return f"the policy of {alarm.cluster} watches no deployment"
    if not _touched_a_host_before(facts):
        return f"{alarm.name} rang before {current.id} touched a host"
    if current.state.final and current.state is not DeploymentState.DONE:
        return f"{current.id} has ended: {current.state}"
    return ""


def _touched_a_host_before(facts: WatchFacts) -> bool:
    """Return whether the deployment touched a host before the alarm rang.

    CloudWatch rounds to whole seconds in places.
    """
    began = min((attempt.started_at for attempt in facts.attempts), default=None)
    return began is not None and began.replace(microsecond=0) <= facts.alarm.since


def _during(facts: WatchFacts, current: Deployment) -> AlarmAction:
    """Decide while the rollout runs.

    A rollback goes on despite alarms, and a rollout that waits for a human keeps waiting.
    """
    if current.request.kind is Kind.ROLLBACK:
        return Nothing(f"{current.id} is a rollback: it goes on")
    if any(q.kind is QuestionKind.ROLLBACK and q.answer for q in facts.questions):
        return ResumeAgain(current, f"{current.id} is about to be rolled back")
    if current.policy.on_alarm is OnAlarm.ROLL_BACK and current.previous:
        return RequestRollback(current, facts.alarm.sentence)
    if any(q.id == facts.alarm.pause for q in facts.questions):
        return Nothing(f"{current.id} was paused by this alarm before")
    pauses = (q for q in facts.questions if q.kind is QuestionKind.RESUME)
    if current.state is not DeploymentState.RUNNING or any(not q.answer for q in pauses):
        return Nothing(f"{current.id} waits for a human already")
    return Pause(current, facts.alarm.sentence)


def _after_end(facts: WatchFacts, current: Deployment, now: datetime) -> AlarmAction:
    """Decide after the rollout has ended: an alarm concerns it if it began within the watch."""
    until = watched_until(current, facts.minute)
    if until is None or facts.alarm.since > until:
        return Nothing(f"{facts.alarm.name} rang after the watch over {current.id}")
    if now > until + LATE_ALARM:
        return Nothing(
            f"too late to follow {facts.alarm.name}: the watch over {current.id} ended at {until:%H:%M} UTC"
        )
    by_policy = current.policy.on_alarm is OnAlarm.ROLL_BACK and current.request.kind is Kind.DEPLOY
    if by_policy and current.previous:
        return _roll_back(facts, current, current.previous, now, until + LATE_ALARM)
    if current.id in facts.notified:
        return Nothing(f"already notified about {facts.alarm.name}")
    return NotifyOperators(current, "; ".join(filter(None, (facts.alarm.sentence, _other_holder(facts, now)))))


def _roll_back(facts: WatchFacts, current: Deployment, to: Target, now: datetime, last: datetime) -> AlarmAction:
    """Start the rollback once.

    While another deployment holds the cluster, start none, because its plan would be refused.
    """
    rollback = facts.rollback
    if rollback and rollback.state is not DeploymentState.QUEUED:
        return Nothing(f"the rollback {rollback.id} was started before: {rollback.state}")
    held = _other_holder(facts, now)
    if not held:
        return StartRollback(current, to, rollback, facts.alarm.sentence)
    if facts.lease.deployment in facts.notified:
        return Nothing(f"{held}; already notified about {facts.alarm.name}")
    why = f"{facts.alarm.sentence}; {held}; {current.id} is rolled back if that ends before {last:%H:%M} UTC"
    return RollbackBlocked(facts.lease.deployment, why)


def _other_holder(facts: WatchFacts, now: datetime) -> str:
    """Describe the other deployment that holds the cluster, and its state; empty if there is none."""
    lease, holder = facts.lease, facts.holder
    if not lease.held_by_another(facts.rollback.id if facts.rollback else "", now):
        return ""
    if holder is None:
        return f"{lease.deployment} holds the lease"
    why = f" ({holder.reason})" if holder.reason else ""
    return f"the {KINDS[holder.request.kind]} {holder.id} holds the lease and is {holder.state}{why}"

"""Notifications: choose the changes of the ledger that are sent out, and word them.

Called by functions/monitoring/notify with every change of a record, before and after. docs/notifications.md
documents the events, docs/notices.schema.json is their schema.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import TypeAlias

from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.monitoring.audit import AuditEntry, AuditKind
from lifecycle.domain.rollout.decision import Question, QuestionKind
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState, Kind, cluster_of
from lifecycle.domain.rollout.test_bed.model import BedOutcome, BedState, TestBed

# An event may have 256 KiB, and a mail should be short: a host's log is cut to this length.
LONGEST = 4000
LONGEST_LINE = 300


class NotificationKind(StrEnum):
    """The kind of event, as its `detail-type` gives it."""

    WAITS = "Deployment waits"  # for an approval, or for the end of a pause
    HALTED = "Deployment halted"  # a host failed: it waits for a decision
    ANSWERED = "Deployment answered"
    FINISHED = "Deployment finished"
    REFUSED = "Deployment refused"  # it never began
    RUN_FAILED = "Run failed"  # a push made no snapshot
    ROLLS_BACK = "Rollback began"
    QUARANTINED = "Quarantined"
    VERDICT = "Test bed judged"
    ALARM = "Alarm followed"
    HAND_MADE = "Changed by hand"
    CRASH_LOOP = "Service crashes in a loop"
    HOST_DOWN = "Host stays down"  # nothing repairs it while a deployment has the cluster
    SCHEDULE = "Scheduled command failed"
    OUTAGE = "Shared outage"  # more hosts became unhealthy than may be repaired, or they recovered
    CHANGED = "Deployment changed"  # its state, with no other notification about it: an event, and no message

    @property
    def for_people(self) -> bool:
        """Return whether people get a message, beside the event for programs."""
        return self is not NotificationKind.CHANGED


@dataclass(frozen=True, slots=True)
class Quarantine:
    """A version or a host that was quarantined in a cluster, and why."""

    cluster: Cluster
    name: str
    why: str


Recorded: TypeAlias = Deployment | Question | TestBed | AuditEntry | Quarantine


@dataclass(frozen=True, slots=True)
class Change:
    """One record before the change (None if it is new) and since `at`."""

    before: Recorded | None
    after: Recorded
    at: datetime


@dataclass(frozen=True, slots=True)
class Notification:
    """One message. `id` is made from the record and its state, so that a repeat has the same id.

    `summary` is one line, `text` has the reasons and the choices. Fields that do not apply are empty.
    """

    id: str
    kind: NotificationKind
    cluster: Cluster
    at: datetime
    summary: str
    text: str
    state: str = ""
    deployment: str = ""
    version: str = ""
    host: str = ""
    by: str = ""
    question: str = ""
    choices: tuple[str, ...] = ()
    evidence: str = ""


def notification_of(change: Change) -> Notification | None:
    """Return the notification for a change, or None. The same change always gives the same notification."""
    before = change.before
    match change.after:
        case Deployment() as after:
            previous = before.state if isinstance(before, Deployment) else None
            return None if previous is after.state else _of_deployment(after, previous, change.at)
        case Question() as after:
            return _of_question(before if isinstance(before, Question) else None, after)
        case TestBed() as after:
            previous_state = before.state if isinstance(before, TestBed) else BedState.BAKING
            return None if previous_state is after.state else _of_test_bed(after, change.at)
        case Quarantine() as after:
            return None if before == after else _of_quarantine(after, change.at)
        case AuditEntry() as after:
            kind = _OF_ENTRIES.get(after.kind) if before is None else None
            return _of_entry(after, kind) if kind else None


_OF_ENTRIES = {
    AuditKind.ALARM: NotificationKind.ALARM,
    AuditKind.HAND_MADE: NotificationKind.HAND_MADE,
    AuditKind.CRASH_LOOP: NotificationKind.CRASH_LOOP,
    AuditKind.HOST_DOWN: NotificationKind.HOST_DOWN,
    AuditKind.SCHEDULE: NotificationKind.SCHEDULE,
    AuditKind.RUN_FAILED: NotificationKind.RUN_FAILED,
    AuditKind.OUTAGE: NotificationKind.OUTAGE,
    AuditKind.OUTAGE_OVER: NotificationKind.OUTAGE,
}


def _of_deployment(after: Deployment, previous: DeploymentState | None, at: datetime) -> Notification:
    """Notify about the end of a deployment, or the beginning of a rollback.

    Its questions notify people about waits and halts. Programs get an event for every other change of its state.
    """
    name = f"{after.cluster}/{after.id}/{after.state}"
    version, kind = after.target.version, after.request.kind
    began = previous in (None, DeploymentState.QUEUED) and after.state is DeploymentState.RUNNING
    if after.state is DeploymentState.REFUSED:
        what = NotificationKind.REFUSED
        summary = f"{after.cluster}: {kind.lower()} of {version} was refused: {_line(after.reason)}"
        summary, at = _line(summary), after.finished_at or at
    elif after.state.final:
        what = NotificationKind.FINISHED
        summary = f"{after.cluster}: {kind.lower()} of {version} ended {_words(after.state)}"
        at = after.finished_at or at
    elif began and kind is Kind.ROLLBACK:
        what = NotificationKind.ROLLS_BACK
        summary = f"{after.cluster}: rolls back to {version}"
        at = after.started_at
    else:
        what = NotificationKind.CHANGED
        summary = f"{after.cluster}: {kind.lower()} of {version} is {_words(after.state)}"
        # It may be in this state again, and the stream's time has seconds.
        name = f"{name}/{previous or 'NEW'}/{at:%Y%m%dT%H%M%S}"
    return Notification(
        id=name,
        kind=what,
        cluster=after.cluster,
        at=at,
        summary=summary,
        text=after.reason or after.request.reason,
        state=str(after.state),
        deployment=after.id,
        version=version,
        by=after.request.requested_by,
    )


def _of_question(before: Question | None, after: Question) -> Notification | None:
    """Notify about a new question or its answer.

    A rollback request is stored as a pre-answered question, without a notification.
    """
    if after.kind is QuestionKind.ROLLBACK or (before and (before.answer or not after.answer)):
        return None
    cluster = cluster_of(after.deployment)
    about = f"{cluster}: {after.deployment}"
    answer = after.answer
    if answer:
        what, state, text = NotificationKind.ANSWERED, str(answer.choice), answer.why
        summary = _line(f"{about}: {answer.by} answered {answer.choice}{_subject(after)}")
    else:
        what, state, text = (
            (NotificationKind.HALTED if after.kind is QuestionKind.DECISION else NotificationKind.WAITS),
            "",
            _question_text(after),
        )
        summary = _line(f"{about} {'is halted' if after.host else 'waits'}{_subject(after)}: {after.reason}")
    return Notification(
        id=f"{cluster}/{after.deployment}/{after.id}/{'answered' if state else 'asked'}",
        kind=what,
        cluster=cluster,
        at=answer.at if answer else after.asked_at,
        summary=summary,
        text=text,
        state=state,
        deployment=after.deployment,
        host=after.host,
        by=answer.by if answer else "",
        question=after.id,
        choices=tuple(str(choice) for choice in after.choices),
        evidence=after.evidence[-LONGEST:],
    )


def _subject(question: Question) -> str:
    """Return the subject of a question.

    A question about a test bed has the test bed's number as `attempt`, and no host.
    """
    if question.host:
        return f" on {question.host}, attempt {question.attempt}"
    return f" on test bed {question.attempt}" if question.attempt else ""


def _question_text(question: Question) -> str:
    """Return the reason, the diagnosis, and the effect of each choice."""
    lines = [question.reason, question.diagnosis]
    lines += [f"{choice}: {question.effects.get(choice, '')}" for choice in question.choices]
    if question.expires_at:
        lines.append(f"until {question.expires_at:%Y-%m-%d %H:%M} UTC")
    return "\n".join(line for line in lines if line)


def _of_test_bed(after: TestBed, at: datetime) -> Notification | None:
    """Notify about its verdict. A test bed that was cancelled, or approved without one, has none.

    The answer of the person who approved it was notified before.
    """
    if after.outcome not in (BedOutcome.PASSED, BedOutcome.FAILED):
        return None
    cluster = cluster_of(after.deployment)
    return Notification(
        id=f"{cluster}/{after.deployment}/test-bed-{after.number}/{after.state}",
        kind=NotificationKind.VERDICT,
        cluster=cluster,
        at=after.ended_at or at,
        summary=f"{cluster}: test bed {after.host} {_words(after.state)}",
        text=after.judgement.sentence if after.judgement else after.reason,
        state=str(after.state),
        deployment=after.deployment,
        host=after.host,
    )


def _of_quarantine(after: Quarantine, at: datetime) -> Notification:
    return Notification(
        id=f"{after.cluster}/quarantine/{after.name}/{sha256(after.why.encode()).hexdigest()[:8]}",
        kind=NotificationKind.QUARANTINED,
        cluster=after.cluster,
        at=at,
        summary=f"{after.cluster}: {after.name} is quarantined",
        text=after.why,
    )


def _of_entry(after: AuditEntry, kind: NotificationKind) -> Notification:
    cluster = Cluster.parse(after.cluster)
    name = f"{cluster}/{after.deployment}/{after.who}/{after.at:%Y%m%dT%H%M%S}"
    # Convergence reports several changes at the same time; an alarm's entries have the alarm's name.
    which = (
        f"/{sha256(f'{after.what} {after.why}'.encode()).hexdigest()[:8]}"
        if after.kind is not AuditKind.ALARM
        else ""
    )
    return Notification(
        id=f"{name}{which}",
        kind=kind,
        cluster=cluster,
        at=after.at,
        summary=_line(f"{cluster}: {after.what} {after.deployment}"),
        text=after.why,
        deployment=after.deployment,
        host=after.host,
        by=after.who,
    )


def _line(text: str) -> str:
    """Return the text on one line, shortened: a reason may quote the end of a log."""
    joined = " ".join(text.split())
    return joined if len(joined) <= LONGEST_LINE else f"{joined[: LONGEST_LINE - 1]}…"


def _words(state: str) -> str:
    return state.replace("_", " ")

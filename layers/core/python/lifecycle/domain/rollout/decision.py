"""Decisions and approvals: the questions of a rollout to humans, and the answers.

Asked by `next_step` and by operators who pause or roll back; answered through functions/rollout/decide and
approve. The command line and the console show the same pending decisions and approvals.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from lifecycle.domain.listing import listed
from lifecycle.domain.rollout.attempt import AttemptState, Blame, HostAttempt, ReleaseRun
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState, Kind
from lifecycle.domain.service.policy import ApprovalGate


class QuestionKind(StrEnum):
    """Kinds of questions; `in_words` completes "it waits for …"."""

    DECISION = "DECISION"  # on a failed attempt of a host
    APPROVAL = "APPROVAL"  # at a gate of the policy, or of a test bed
    RESUME = "RESUME"  # the end of a pause
    ROLLBACK = "ROLLBACK"  # an operator's request, stored as a pre-answered question

    @property
    def in_words(self) -> str:
        return f"{'an' if self is self.APPROVAL else 'a'} {self.lower()}"


class EvidenceKind(StrEnum):
    """Kinds of evidence that a question carries."""

    NONE = ""
    HOST_LOG = "HOST_LOG"
    TEST_BED_MEASUREMENTS = "TEST_BED_MEASUREMENTS"
    ALARM = "ALARM"


class Choice(StrEnum):
    """Answers that humans may give.

    Five are decisions on a failed host, two answer an approval, and two pause or resume. EXTEND is a third
    answer to an approval while a test bed is undecided, and GO_ON one to a release command that may have run.
    """

    RETRY = "RETRY"
    SKIP_HOST = "SKIP_HOST"
    FORCE_NEXT = "FORCE_NEXT"
    ROLL_BACK = "ROLL_BACK"
    ABORT = "ABORT"
    APPROVE = "APPROVE"
    REJECT = "REJECT"
    PAUSE = "PAUSE"
    RESUME = "RESUME"
    EXTEND = "EXTEND"
    GO_ON = "GO_ON"
    ASSIGN = "ASSIGN"  # no answer: the person takes a question upon themselves

    @property
    def in_words(self) -> str:
        """The choice on a button, such as "Roll back"."""
        return self.replace("_", " ").capitalize()


CONSEQUENCES = {
    Choice.RETRY: "try this host again from the start",
    Choice.SKIP_HOST: "leave this host as it is, out of this deployment; finish the others",
    Choice.FORCE_NEXT: "leave this host as it is for now, go on, and ask again about it at the end",
    Choice.ROLL_BACK: "deploy the previous version to every host that this deployment touched",
    Choice.ABORT: "stop here: touch no further host, leave everything as it is",
    Choice.APPROVE: "go on with the rollout",
    Choice.REJECT: "do not go on; hosts already updated get the previous version back",
    Choice.PAUSE: "stop before the next host, until somebody resumes",
    Choice.RESUME: "go on with the next host",
    Choice.GO_ON: "count the release command as run, and update the hosts",
    Choice.ASSIGN: "say that you are on it; the question stays open, and others see your name",
    Choice.EXTEND: "let the test bed bake for the same time again, then judge it",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: the choice, its author, the reason and the time."""

    choice: Choice
    by: str
    why: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Assignment:
    """The person who is on a question, and since when."""

    by: str
    at: datetime


# An answered question is shown for so long, with its author.
SHOWN_AFTER_ANSWER = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Question:
    """A pending decision on one attempt of one host, an approval at a gate, or a resume.

    Code reads `kind`, `gate` and `evidence_kind`; the sentences are for people.

    A question about a test bed has its number as `attempt` and no host. `again` counts the earlier questions
    about the same attempt: clocks differ, this number does not. `token` is the execution's task token, set
    when it waits. `effects` has the effect of each choice here. Unanswered at `expires_at`, an approval
    counts as rejected, and a decision is requested again: an expired question takes no answer. `assigned` is the
    person who said that they are on it; it decides nothing. `advised` is the answer that follows from the verdict or
    the diagnosis, if one does; a person may give another.
    """

    deployment: str
    id: str
    kind: QuestionKind
    choices: tuple[Choice, ...]
    reason: str
    asked_at: datetime
    host: str = ""
    attempt: int = 0
    again: int = 0
    gate: ApprovalGate = ApprovalGate.NONE
    evidence: str = ""
    expires_at: datetime | None = None
    token: str = ""
    answer: Answer | None = None
    blame: Blame = Blame.NONE
    diagnosis: str = ""
    effects: dict[Choice, str] = field(default_factory=dict)
    evidence_kind: EvidenceKind = EvidenceKind.NONE
    assigned: Assignment | None = None
    advised: Choice | None = None

    @property
    def advised_first(self) -> tuple[Choice, ...]:
        """The choices as views show them: the advised one first, and ABORT, which leaves all as it is, last."""
        return tuple(sorted(self.choices, key=lambda each: (each is not self.advised, each is Choice.ABORT)))

    def expired(self, now: datetime) -> bool:
        """Return whether it expired without an answer."""
        return self.answer is None and self.expires_at is not None and now >= self.expires_at

    @property
    def evidence_title(self) -> str:
        """The heading above the evidence."""
        match self.evidence_kind:
            case EvidenceKind.HOST_LOG:
                return f"the end of the log on {self.host}"
            case EvidenceKind.TEST_BED_MEASUREMENTS:
                return f"what was measured of {self.host}"
            case EvidenceKind.ALARM | EvidenceKind.NONE:
                return "the evidence"


# The id of the pre-answered question that records an operator's rollback of a running deployment.
ROLLBACK_REQUEST = "rollback-request"


def pause_id(suffix: str) -> str:
    """Return the id of a pause; a deployment may be paused more than once."""
    return f"pause-{suffix}"


def latest_attempts(attempts: Sequence[HostAttempt]) -> dict[str, HostAttempt]:
    """Return the newest attempt of each tried host."""
    newest: dict[str, HostAttempt] = {}
    for attempt in sorted(attempts, key=lambda a: a.number):
        newest[attempt.host] = attempt
    return newest


def with_asked_about(attempts: Sequence[HostAttempt], questions: Sequence[Question]) -> tuple[HostAttempt, ...]:
    """Return the attempts, and a failed one for each decision whose attempt has no record any more.

    Without it the host would be updated again, and an answer about it would count for nothing.
    """
    known = {(each.host, each.number) for each in attempts}
    lost = {(q.host, q.attempt): q for q in questions if q.kind is QuestionKind.DECISION}
    return (*attempts, *(_asked_about(q) for key, q in lost.items() if key not in known))


def _asked_about(question: Question) -> HostAttempt:
    return HostAttempt(
        deployment=question.deployment,
        host=question.host,
        number=question.attempt,
        epoch=0,
        execution="",
        started_at=question.asked_at,
        state=AttemptState.FAILED,
        reason=question.reason,
        evidence=question.evidence,
        finished_at=question.asked_at,
        blame=question.blame or Blame.UNCLEAR,
        diagnosis=question.diagnosis,
        release=_release_asked_about(question),
    )


def _release_asked_about(question: Question) -> ReleaseRun:
    """Return what a question says of a release command; a question about a host offers to skip it."""
    if Choice.SKIP_HOST in question.choices:
        return ReleaseRun.NONE
    return ReleaseRun.NOT_KNOWN if Choice.GO_ON in question.choices else ReleaseRun.FAILED


def answered(questions: Sequence[Question], attempt: HostAttempt) -> list[Question]:
    """Return the answered questions about exactly this host and attempt, in the order of asking."""
    about = [q for q in questions if (q.host, q.attempt) == (attempt.host, attempt.number) and q.answer]
    return sorted(about, key=lambda q: q.again)


def answers_on(questions: Sequence[Question], attempt: HostAttempt) -> list[Choice]:
    """Return the choices recorded for exactly this host and attempt, in the order of asking."""
    return [q.answer.choice for q in answered(questions, attempt) if q.answer]


_ADVISED = {Blame.VERSION: Choice.ROLL_BACK, Blame.HOST: Choice.SKIP_HOST}


def advised(blame: Blame, offered: Sequence[Choice]) -> Choice | None:
    """Return the decision that follows from what is to blame; None if that is unclear, or if it is not offered."""
    found = _ADVISED.get(blame)
    return found if found in offered else None


def asked_before(questions: Sequence[Question], attempt: HostAttempt, now: datetime) -> int:
    """Count the questions about this attempt that are answered or expired; the next question has this number."""
    about = [q for q in questions if (q.host, q.attempt) == (attempt.host, attempt.number)]
    return sum(q.answer is not None or q.expired(now) for q in about)


def hosts_left_out(attempts: Sequence[HostAttempt], questions: Sequence[Question]) -> frozenset[str]:
    """Return the hosts whose newest attempt failed, and that a human chose to leave out for now."""
    left_out = (Choice.SKIP_HOST, Choice.FORCE_NEXT)
    return frozenset(
        host
        for host, attempt in latest_attempts(with_asked_about(attempts, questions)).items()
        if (answers := answers_on(questions, attempt)) and answers[-1] in left_out
    )


def choices(deployment: Deployment, *, last: bool) -> tuple[Choice, ...]:
    """Return the choices for a failed host. A rollback is not rolled back; the last host has no next one."""
    offered = [Choice.RETRY, Choice.SKIP_HOST]
    if not last:
        offered.append(Choice.FORCE_NEXT)
    if deployment.previous is not None and deployment.request.kind is not Kind.ROLLBACK:
        offered.append(Choice.ROLL_BACK)
    return (*offered, Choice.ABORT)


@dataclass(frozen=True, slots=True)
class Situation:
    """The hosts of a deployment that asks about one of them.

    `updated` hosts serve the new version, `left` wait for it, and a rollback would update `rolled_back`. Hosts that
    `fell` were updated, and their services have ended. The host itself is none of these when it is `quarantined`.
    """

    updated: Sequence[str]
    left: Sequence[str]
    rolled_back: Sequence[str]
    fell: Sequence[str] = ()
    quarantined: bool = False


def effects(offered: Sequence[Choice], deployment: Deployment, host: str, situation: Situation) -> dict[Choice, str]:
    """Return the effect of each choice here and now."""
    updated, left = situation.updated, situation.left
    target, previous = deployment.target.in_words, deployment.previous.in_words if deployment.previous else ""
    rest = f"{_listed(left)} next" if left else "no host is left after it"
    if situation.fell:
        rest = f"you are asked about {_listed(situation.fell)} next"
    down = f"{_listed(situation.fell)} down, " if situation.fell else ""
    others = f"{_hosts_with(updated, target)}{_hosts_with(left, previous)}{down}"
    texts = {
        Choice.RETRY: f"drain {host} if it serves, and install {target} again; then {rest}",
        Choice.SKIP_HOST: f"{host} stays as it is, out of this deployment; {rest}",
        Choice.FORCE_NEXT: f"{host} stays as it is for now; {rest}; you are asked about {host} again at the end",
        Choice.ROLL_BACK: _rollback_effect(situation, host, deployment),
        Choice.ABORT: f"all stays as it is: {others}{host} as it is now",
    }
    return {choice: texts.get(choice, CONSEQUENCES[choice]) for choice in offered}


def _rollback_effect(situation: Situation, host: str, deployment: Deployment) -> str:
    hosts, to = situation.rolled_back, deployment.previous
    previous = to.in_words if to else ""
    rolled = f"roll {_listed(hosts)} back to {previous}" if hosts else f"every other host has {previous}"
    stays = f"; {host} is quarantined and stays as it is" if situation.quarantined else ""
    bad = deployment.target.bad_part(to) if to else deployment.target.version
    return f"{rolled}{stays}; {bad} is quarantined"


def _hosts_with(hosts: Sequence[str], version: str) -> str:
    return f"{_listed(hosts)} with {version or 'nothing'}, " if hosts else ""


def _listed(hosts: Sequence[str]) -> str:
    return listed(hosts, 4)


def just_answered(questions: Sequence[Question], now: datetime) -> list[Question]:
    """Return the questions that were answered within the last hour, the newest answer first."""
    found = [q for q in questions if q.answer and now - q.answer.at < SHOWN_AFTER_ANSWER]
    return sorted(found, key=lambda q: q.answer.at if q.answer else now, reverse=True)


# A question of this kind is open only in these states of its deployment; the most urgent kind comes first.
_OPEN_IN = {
    QuestionKind.DECISION: (DeploymentState.HALTED,),
    QuestionKind.APPROVAL: (DeploymentState.AWAITING_APPROVAL,),
    QuestionKind.RESUME: tuple(DeploymentState),
}


def open_questions(deployment: Deployment | None, questions: Sequence[Question]) -> list[Question]:
    """Return the questions that a deployment waits for, the most urgent first; none after a rollback request."""
    if deployment is None or deployment.state.final:
        return []
    if any(q.kind is QuestionKind.ROLLBACK and q.answer for q in questions):
        return []
    found = []
    for kind, states in _OPEN_IN.items():
        newest = max((q for q in questions if q.kind is kind), key=lambda q: q.asked_at, default=None)
        if newest and not newest.answer and deployment.state in states:
            found.append(newest)
    return found

"""The questions that a rollout asks a human, with what is known: evidence, blame, and what each choice does.

Called by next_step.py.
"""

from dataclasses import replace
from datetime import timedelta
from textwrap import shorten

from lifecycle.application.context import Context
from lifecycle.domain.analysis.model import Verdict
from lifecycle.domain.errors import StoreRefused
from lifecycle.domain.fleet.target_group import Group
from lifecycle.domain.rollout.attempt import AttemptState, Blame, HostAttempt
from lifecycle.domain.rollout.decision import (
    EvidenceKind,
    Question,
    QuestionKind,
    Situation,
    advised,
    effects,
    latest_attempts,
)
from lifecycle.domain.rollout.deployment import Deployment
from lifecycle.domain.rollout.fallen import fall_blame, fallen
from lifecycle.domain.rollout.membership import members, rolled_back_hosts
from lifecycle.domain.rollout.release import release_effects
from lifecycle.domain.rollout.steps import AwaitApproval, AwaitDecision, Facts
from lifecycle.domain.rollout.test_bed.model import TestBed
from lifecycle.domain.rollout.test_bed.schedule import failed_test_bed

# The most characters of a release command in a question.
_COMMAND = 200


def decision_question(context: Context, facts: Facts, step: AwaitDecision) -> Question:
    """Return the question about a failed host, with evidence from the host; closes a lost attempt as failed."""
    attempt = next(a for a in facts.attempts if (a.host, a.number) == (step.host, step.attempt))
    if not attempt.state.ended:
        _close_lost(context, attempt, step.reason)
    report, now = facts.reports.get(step.host), context.clock.now()
    blame, diagnosis = _blame(facts, attempt)
    log = report.ended.log_tail if report and report.ended else ""
    evidence_kind, evidence = _evidence(facts, attempt, log or (report.log_tail if report else ""))
    newest = latest_attempts([each for each in facts.attempts if not each.release])
    controls = {host for host, each in newest.items() if each.group is Group.CONTROL}
    alive = {host for host, each in newest.items() if each.state is AttemptState.ALIVE} - controls
    others = [host for host in members(facts) if host in alive and host != step.host]
    fell = [host for host in others if fallen(facts, newest[host])]
    updated = [host for host in others if host not in fell]
    left = [host for host in members(facts) if host not in newest or host in controls - {step.host}]
    situation = Situation(
        updated,
        left,
        rolled_back_hosts(facts, (*others, step.host)),
        fell,
        quarantined=step.host in facts.quarantined,
    )
    return Question(
        deployment=facts.deployment.id,
        id=f"decision-{step.host}-{step.attempt}-{step.again}",
        kind=QuestionKind.DECISION,
        choices=step.choices,
        reason=step.reason,
        asked_at=now,
        host=step.host,
        attempt=step.attempt,
        again=step.again,
        evidence=evidence,
        evidence_kind=evidence_kind,
        expires_at=now + timedelta(seconds=facts.deployment.policy.decision_expires_seconds),
        blame=blame,
        diagnosis=diagnosis,
        advised=advised(blame, step.choices),
        effects=release_effects(step.choices, facts.deployment.target.in_words)
        if attempt.release
        else effects(step.choices, facts.deployment, step.host, situation),
    )


def approval_question(context: Context, current: Deployment, step: AwaitApproval) -> Question:
    """Return the question whether the rollout may go on at a gate."""
    now = context.clock.now()
    return Question(
        deployment=current.id,
        id=f"approval-{step.gate}" + (f"-{step.bed}-{step.again}" if step.bed else ""),
        kind=QuestionKind.APPROVAL,
        choices=step.choices,
        reason="; ".join(filter(None, (step.reason, current.changes.sentence, _release_to_run(current)))),
        asked_at=now,
        attempt=step.bed,
        again=step.again,
        gate=step.gate,
        expires_at=now + timedelta(seconds=current.policy.approval_expires_seconds),
        advised=step.advised,
    )


def _release_to_run(current: Deployment) -> str:
    """Return the words for a release command that has not run yet; empty where none has to."""
    found = current.release
    if not found.command or found.began_at is not None:
        return ""
    return f"then the release command runs once, before any host is changed: {shorten(found.command, _COMMAND)}"


def _blame(facts: Facts, attempt: HostAttempt) -> tuple[Blame, str]:
    """Return whether host or version is to blame, and why.

    A test bed whose host became unhealthy before a comparison leaves that unclear.
    """
    bed = failed_test_bed(facts, attempt)
    if bed is None and (fell := fallen(facts, attempt)):
        return fall_blame(facts.deployment.target.version, fell)
    if bed is None and attempt.diagnosed_in and attempt.blame is Blame.NONE:
        return Blame.UNCLEAR, "the diagnosis left no result; see the log of diagnose"
    if bed is None:
        return attempt.blame, attempt.diagnosis
    if bed.control and bed.judgement and bed.judgement.verdict is Verdict.FAIL:
        return Blame.VERSION, _control_was_healthy(facts, bed)
    why = f"not compared: {bed.host} became unhealthy on {facts.deployment.target.version}"
    return Blame.UNCLEAR, f"{why}, its agent is reachable, and the previous version was not tried on it"


def _control_was_healthy(facts: Facts, bed: TestBed) -> str:
    """Return why a failed test bed is the fault of the version, not of the time of day or the restart."""
    previous = facts.deployment.previous.version if facts.deployment.previous else "the current version"
    return f"{bed.control} was restarted on {previous}, served at the same time as {bed.host}, and stayed healthy"


def _evidence(facts: Facts, attempt: HostAttempt, log_tail: str) -> tuple[EvidenceKind, str]:
    """Return the measurements of the host in the test bed, or else the end of its log."""
    bed = failed_test_bed(facts, attempt)
    if bed and bed.judgement and bed.judgement.metrics:
        return EvidenceKind.TEST_BED_MEASUREMENTS, "\n".join(m.sentence for m in bed.judgement.metrics)
    log = attempt.evidence or log_tail
    return (EvidenceKind.HOST_LOG if log else EvidenceKind.NONE), log


def _close_lost(context: Context, attempt: HostAttempt, reason: str) -> None:
    now = context.clock.now()
    lost = replace(attempt, state=AttemptState.FAILED, reached=attempt.state, reason=reason, finished_at=now)
    if not context.deployments.put_attempt(lost):
        raise StoreRefused(f"attempt {attempt.number} of {attempt.host} went on after it was read: decide again")

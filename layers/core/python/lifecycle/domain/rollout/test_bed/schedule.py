"""The test bed's schedule: when to set one up, how long it bakes, and what its verdict leads to.

Called by rollout/next_step.py before any further host is updated. The first host gets the new version in a
target group of its own; a control is restarted on the current version in another (hosts.py). Both bake and
are compared. Then both return to the main target group.
"""

from collections.abc import Sequence
from datetime import datetime
from math import ceil

from lifecycle.domain.analysis.model import Verdict
from lifecycle.domain.fleet.target_group import Group, state_of
from lifecycle.domain.rollout.attempt import HostAttempt
from lifecycle.domain.rollout.decision import Choice, Question, answers_on
from lifecycle.domain.rollout.deployment import DeploymentState
from lifecycle.domain.rollout.membership import AUTOMATIC_ATTEMPTS, members
from lifecycle.domain.rollout.steps import Bake, EndBake, Facts, Finish, RollBack, Step
from lifecycle.domain.rollout.test_bed.approvals import (
    approved,
    ask,
    current_question,
    extensions,
    last_continued_at,
    rejection,
)
from lifecycle.domain.rollout.test_bed.hosts import (
    comparison_blocker,
    lost_by_quarantines,
    lost_since,
    needs_test_bed,
    reported_since_unhealthy,
    reports_failure,
    set_up,
    unhealthy_reason_in_bake,
)
from lifecycle.domain.rollout.test_bed.model import NO_NOTE, BakeNote, BedState, TestBed
from lifecycle.domain.service.policy import AfterBake

# The most interim analyses of one bake, so that its execution's history stays short.
MAX_ANALYSES = 240
# Metrics come late, and an analysis may be lost. A human is asked after so many minutes more, or two analyses.
GRACE_MINUTES = 5
# The most test beds of one deployment, if the hosts of the earlier ones left.
MAX_TEST_BEDS = 3


def next_group(facts: Facts) -> Group:
    """Return where the next host is updated: in the test bed, while one is due and has not ended."""
    return Group.TEST_BED if _is_due(facts) else Group.MAIN


def failed_test_bed(facts: Facts, attempt: HostAttempt) -> TestBed | None:
    """Return the test bed that this attempt failed in, if it did."""
    failed = (bed for bed in facts.beds if bed.state is BedState.FAILED)
    return next((bed for bed in failed if (bed.host, bed.attempt) == (attempt.host, attempt.number)), None)


def lost_in_test_bed(facts: Facts, attempt: HostAttempt) -> bool:
    """Return whether its host was lost in the test bed and serves nothing.

    Such a host is updated again, as if for the first time.
    """
    beds = (bed for bed in facts.beds if bed.state is BedState.CANCELLED)
    return (
        any((bed.host, bed.attempt) == (attempt.host, attempt.number) for bed in beds)
        and not state_of(facts.rotation, attempt.host).in_rotation
        and not answers_on(facts.questions, attempt)
        and attempt.number < AUTOMATIC_ATTEMPTS
    )


def end_bake_first(facts: Facts, step: Step) -> Step:
    """End the test bed before finishing or rolling back. A fenced deployment changes nothing."""
    bed = _newest(facts)
    if bed is None or bed.state is not BedState.BAKING or not isinstance(step, Finish | RollBack):
        return step
    if isinstance(step, Finish) and step.outcome in (DeploymentState.STALE, facts.deployment.state):
        return step
    return EndBake(bed.number, BedState.CANCELLED, step.reason)


def end_failed_bake(facts: Facts, now: datetime) -> Step | None:
    """Return the end of a failed test bed, even in a pause: a failed version goes no further."""
    bed = _newest(facts)
    if bed is None or bed.state is not BedState.BAKING:
        return None
    if bed.judgement and bed.judgement.verdict is Verdict.FAIL:
        return EndBake(bed.number, BedState.FAILED, bed.judgement.sentence)
    why = unhealthy_reason_in_bake(facts, bed.host, Group.TEST_BED) if bed.host in members(facts) else None
    if why is None:
        return None
    if since := lost_since(facts, bed.host, now):
        reason = f"{bed.host} has been unreachable since {since:%Y-%m-%d %H:%M:%S} UTC, and it {why}"
        return EndBake(bed.number, BedState.CANCELLED, reason)
    if not reports_failure(facts, bed.host) and not reported_since_unhealthy(facts, bed.host):
        return _wait_for_agent(facts, bed, why)
    return EndBake(bed.number, BedState.FAILED, f"{bed.host} was alive in the test bed, but now it {why}")


def _wait_for_agent(facts: Facts, bed: TestBed, why: str) -> Bake:
    """Continue the bake until the agent of the unhealthy host reports again, or is unreachable for too long."""
    reported_at = facts.reports[bed.host].seen_at
    reason = f"is it the version, or {bed.host}? Its agent last reported at {reported_at:%H:%M:%S} UTC, and it {why}"
    return Bake(_seconds(facts, bed), reason, BakeNote(unhealthy_host=bed.host, reported_at=reported_at))


def bake_step(facts: Facts, now: datetime) -> Step | None:  # noqa: PLR0911 (one answer per state of the bed)
    """Return the step of a test bed that has not failed; None when the next host may be updated."""
    bed = _newest(facts)
    if bed and bed.state is BedState.BAKING:
        return _baking(facts, bed, now)
    if bed and (rejected := rejection(facts, bed, now)):
        return rejected
    if bed is None and (why := lost_by_quarantines(facts)):
        return Finish(DeploymentState.ABORTED, why)
    if _is_due(facts):
        return set_up(facts, (bed.number if bed else 0) + 1, now)
    if bed is None or approved(facts, bed):
        return None
    if bed.state is BedState.PASSED and facts.deployment.policy.after_bake is AfterBake.ASK:
        return ask(facts, bed, f"the test bed passed: {bed.reason}", can_extend=False)
    if bed.state is BedState.CANCELLED:
        reason = f"{bed.number} test beds were set up, and none came to a verdict: {bed.reason}"
        return ask(facts, bed, reason, can_extend=False)
    return None


def total_minutes(bed: TestBed, questions: Sequence[Question]) -> int:
    """Return the length of the bake with all extensions."""
    return bed.minutes * (1 + extensions(questions, bed))


def _newest(facts: Facts) -> TestBed | None:
    return max(facts.beds, key=lambda bed: bed.number, default=None)


def _is_due(facts: Facts) -> bool:
    """Return whether a test bed must be set up: the first, or another because its host left or is retried."""
    bed = _newest(facts)
    if not needs_test_bed(facts) or bed is None:
        return needs_test_bed(facts)
    if bed.state is BedState.CANCELLED:
        return bed.number < MAX_TEST_BEDS
    if bed.state is BedState.FAILED:
        attempt = next((a for a in facts.attempts if (a.host, a.number) == (bed.host, bed.attempt)), None)
        answers = answers_on(facts.questions, attempt) if attempt else []
        return bool(answers) and answers[-1] is Choice.RETRY
    return False


def _baking(facts: Facts, bed: TestBed, now: datetime) -> Step:
    if bed.host not in members(facts):
        return EndBake(bed.number, BedState.CANCELLED, f"{bed.host} has left the test bed")
    judged, wanted = bed.judgement, total_minutes(bed, facts.questions)
    if reason := comparison_blocker(facts, bed):
        return _undecided(facts, bed, now, reason, can_extend=False)
    complete = judged is not None and judged.minutes >= wanted
    if not complete and (again := _analyse_again(facts, bed, now)):
        return again
    if judged and complete and judged.verdict is Verdict.PASS:
        return EndBake(bed.number, BedState.PASSED, judged.sentence)
    reason = judged.sentence if judged else f"nothing could be measured within {wanted} minutes"
    return _undecided(facts, bed, now, reason, can_extend=True)


def _analyse_again(facts: Facts, bed: TestBed, now: datetime) -> Bake | None:
    """Continue the bake while a further interim analysis may decide more; None when a human is to be asked."""
    wanted = total_minutes(bed, facts.questions)
    planned_end = max(bed.began_at + wanted * facts.minute, last_continued_at(facts, bed))
    if now < planned_end + facts.minute * max(GRACE_MINUTES, 2 * _minutes_between_analyses(wanted)):
        passed = min(int((now - bed.began_at) / facts.minute), wanted)
        return _continue_bake(facts, bed, f"{passed} of {wanted} minutes", NO_NOTE)
    # An execution that was resumed may not have analysed for hours.
    if current_question(facts, bed) or facts.deployment.bake_note.last_analysis == wanted:
        return None
    return _continue_bake(facts, bed, f"{wanted} minutes are over, a last analysis", BakeNote(last_analysis=wanted))


def _continue_bake(facts: Facts, bed: TestBed, progress: str, note: BakeNote) -> Bake:
    reason = f"the test bed bakes, {bed.host} against {bed.control}: {progress}"
    return Bake(_seconds(facts, bed), reason, note)


def _minutes_between_analyses(wanted: int) -> float:
    """Return the minutes between two interim analyses."""
    return max(1.0, wanted / MAX_ANALYSES)


def _seconds(facts: Facts, bed: TestBed) -> int:
    return ceil(facts.minute.total_seconds() * _minutes_between_analyses(total_minutes(bed, facts.questions)))


def _undecided(facts: Facts, bed: TestBed, now: datetime, reason: str, *, can_extend: bool) -> Step:
    """Ask a human to decide, since the data does not."""
    if why := approved(facts, bed):
        return EndBake(bed.number, BedState.PASSED, why)
    return rejection(facts, bed, now) or ask(
        facts, bed, f"the test bed is undecided: {reason}", can_extend=can_extend
    )

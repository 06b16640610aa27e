"""Approvals of a test bed: the questions to humans, and their answers to continue, to extend or to roll back.

Used by domain/rollout/test_bed/schedule.py. Such a question has the test bed's number as `attempt`. `again`
counts the earlier extensions of the bake, so that an old question takes no answer for a new one.
"""

from collections.abc import Sequence
from datetime import datetime

from lifecycle.domain.rollout.decision import Choice, Question, QuestionKind
from lifecycle.domain.rollout.gates import rejected
from lifecycle.domain.rollout.steps import AwaitApproval, Facts, Step
from lifecycle.domain.rollout.test_bed.model import BedState, TestBed
from lifecycle.domain.service.policy import ApprovalGate


def ask(facts: Facts, bed: TestBed, reason: str, *, can_extend: bool) -> AwaitApproval:
    """Wait for a human. `can_extend`: a longer bake could still decide it.

    A test bed that passed advises APPROVE, and one that a longer bake could decide advises EXTEND.
    """
    choices = (Choice.APPROVE, Choice.EXTEND, Choice.REJECT) if can_extend else (Choice.APPROVE, Choice.REJECT)
    passed = Choice.APPROVE if bed.state is BedState.PASSED else None
    advised = Choice.EXTEND if can_extend else passed
    again = extensions(facts.questions, bed)
    return AwaitApproval(ApprovalGate.AFTER_TEST_BED, reason, bed.number, again, choices, advised)


def extensions(questions: Sequence[Question], bed: TestBed) -> int:
    """Count how often humans asked for a longer bake."""
    answers = [q.answer for q in _test_bed_questions(questions, bed) if q.answer]
    return sum(answer.choice is Choice.EXTEND for answer in answers)


def current_question(facts: Facts, bed: TestBed) -> Question | None:
    """Return the question about this test bed since its last extension."""
    again = extensions(facts.questions, bed)
    return next((q for q in _test_bed_questions(facts.questions, bed) if q.again == again), None)


def last_continued_at(facts: Facts, bed: TestBed) -> datetime:
    """Return the time of the last EXTEND or RESUME, or of the beginning; no analysis before it."""
    asked = [
        *_test_bed_questions(facts.questions, bed),
        *(q for q in facts.questions if q.kind is QuestionKind.RESUME),
    ]
    given = [q.answer for q in asked if q.answer]
    return max([bed.began_at, *(each.at for each in given if each.choice in (Choice.EXTEND, Choice.RESUME))])


def approved(facts: Facts, bed: TestBed) -> str | None:
    """Return the author and the reason of a human's approval, if there is one."""
    asked = current_question(facts, bed)
    if asked is None or asked.answer is None or asked.answer.choice is not Choice.APPROVE:
        return None
    return f"approved by {asked.answer.by}: {asked.answer.why or asked.reason}"


def rejection(facts: Facts, bed: TestBed, now: datetime) -> Step | None:
    """Return the step that follows a rejection, or an approval that was not given in time."""
    asked = current_question(facts, bed)
    if asked and asked.answer and asked.answer.choice is Choice.REJECT:
        return rejected(facts, asked.answer.by, f"rejected by {asked.answer.by}: {asked.answer.why}")
    if asked and asked.expired(now):
        until = f"{asked.expires_at:%Y-%m-%d %H:%M} UTC"
        return rejected(facts, "expired approval", f"nobody approved the test bed before {until}")
    return None


def _test_bed_questions(questions: Sequence[Question], bed: TestBed) -> list[Question]:
    gate = ApprovalGate.AFTER_TEST_BED
    return [q for q in questions if q.gate is gate and q.attempt == bed.number]

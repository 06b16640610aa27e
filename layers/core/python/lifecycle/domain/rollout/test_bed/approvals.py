"""What humans are asked about a test bed, and what they answered: to go on, to bake longer, or to go back.

Used by domain/rollout/test_bed/schedule.py. Such a question names the test bed by its number in `attempt`; `again` counts how often the
bake was extended before, so that an old question takes no answer for a new one.
"""

from collections.abc import Sequence
from datetime import datetime

from lifecycle.domain.rollout.decision import Choice, Question, QuestionKind
from lifecycle.domain.rollout.gates import rejected
from lifecycle.domain.rollout.steps import AwaitApproval, Facts, Step
from lifecycle.domain.rollout.test_bed.model import TestBed
from lifecycle.domain.service.policy import ApprovalGate


def ask(facts: Facts, bed: TestBed, reason: str, *, can_extend: bool) -> AwaitApproval:
    """Wait for a human; `longer` says whether more minutes could tell more."""
    choices = (
        (Choice.APPROVE, Choice.EXTEND, Choice.REJECT) if can_extend else (Choice.APPROVE, Choice.REJECT)
    )
    return AwaitApproval(
        ApprovalGate.AFTER_TEST_BED, reason, bed.number, extensions(facts.questions, bed), choices
    )


def extensions(questions: Sequence[Question], bed: TestBed) -> int:
    """How often humans asked for a longer bake."""
    answers = [q.answer for q in _test_bed_questions(questions, bed) if q.answer]
    return sum(answer.choice is Choice.EXTEND for answer in answers)


def current_question(facts: Facts, bed: TestBed) -> Question | None:
    """What was asked last about this test bed, since it was extended last."""
    again = extensions(facts.questions, bed)
    return next((q for q in _test_bed_questions(facts.questions, bed) if q.again == again), None)


def last_continued_at(facts: Facts, bed: TestBed) -> datetime:
    """When a human last let it bake on, by more minutes or the end of a pause; nobody looks before that."""
    asked = [
        *_test_bed_questions(facts.questions, bed),
        *(q for q in facts.questions if q.kind is QuestionKind.RESUME),
    ]
    given = [q.answer for q in asked if q.answer]
    return max([bed.began_at, *(each.at for each in given if each.choice in (Choice.EXTEND, Choice.RESUME))])


def approved(facts: Facts, bed: TestBed) -> str | None:
    """By whom and why, if a human has approved of it."""
    asked = current_question(facts, bed)
    if asked is None or asked.answer is None or asked.answer.choice is not Choice.APPROVE:
        return None
    return f"approved by {asked.answer.by}: {asked.answer.why or asked.reason}"


def rejection(facts: Facts, bed: TestBed, now: datetime) -> Step | None:
    """What a rejection, or an approval that nobody gave in time, leads to."""
    asked = current_question(facts, bed)
    if asked and asked.answer and asked.answer.choice is Choice.REJECT:
        return rejected(facts, asked.answer.by, f"rejected by {asked.answer.by}: {asked.answer.why}")
    if asked and asked.expired(now):
        until = f"{asked.expires_at:%Y-%m-%d %H:%M} UTC"
        return rejected(facts, "the clock", f"nobody approved the test bed before {until}")
    return None


def _test_bed_questions(questions: Sequence[Question], bed: TestBed) -> list[Question]:
    gate = ApprovalGate.AFTER_TEST_BED
    return [q for q in questions if q.gate is gate and q.attempt == bed.number]

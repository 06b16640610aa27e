"""Questions about one test bed are told apart from those about another, and from other approvals."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from lifecycle.domain.rollout.decision import Answer, Choice, Question, QuestionKind
from lifecycle.domain.rollout.test_bed.approvals import extensions
from lifecycle.domain.rollout.test_bed.model import TestBed
from lifecycle.domain.service.policy import ApprovalGate

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECOND = TestBed("d-1", 2, "host-1", 2, "host-2", 2, NOW, 10)
EXTENDED = Question(
    deployment="d-1",
    id="approval-after_test_bed-2",
    kind=QuestionKind.APPROVAL,
    choices=(Choice.APPROVE, Choice.EXTEND, Choice.REJECT),
    reason="too little data",
    asked_at=NOW,
    attempt=2,
    gate=ApprovalGate.AFTER_TEST_BED,
    answer=Answer(Choice.EXTEND, "grace", "longer", NOW + timedelta(minutes=1)),
)


def test_extensions_of_this_test_bed_are_counted() -> None:
    again = replace(EXTENDED, again=1)
    unanswered = replace(EXTENDED, again=2, answer=None)
    assert extensions([EXTENDED, again, unanswered], SECOND) == 2


def test_extension_of_an_earlier_test_bed_is_not_counted() -> None:
    assert extensions([replace(EXTENDED, attempt=1)], SECOND) == 0


def test_answer_at_another_gate_is_no_extension() -> None:
    assert extensions([replace(EXTENDED, gate=ApprovalGate.AFTER_FIRST_HOST)], SECOND) == 0


def test_approval_is_no_extension() -> None:
    approved = replace(EXTENDED, answer=Answer(Choice.APPROVE, "grace", "fine", NOW))
    assert extensions([approved], SECOND) == 0

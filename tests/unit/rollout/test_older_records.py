"""Records of an earlier version lack the newer fields, and can be read all the same."""

from typing import Any

import pytest

from lifecycle.domain.rollout.decision import EvidenceKind, Question, QuestionKind
from lifecycle.gateways.serialization import from_plain, to_plain
from tests.unit.monitoring.notification_records import APPROVAL, DECISION

NEWER = ("kind", "evidence_kind")


def older(plain: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {**{name: value for name, value in plain.items() if name not in NEWER}, **more}


@pytest.mark.parametrize(
    ("plain", "kind"),
    [
        (older(to_plain(DECISION)), QuestionKind.DECISION),
        (older(to_plain(APPROVAL)), QuestionKind.APPROVAL),
        (older(to_plain(APPROVAL), choices=["APPROVE", "EXTEND", "REJECT"]), QuestionKind.APPROVAL),
        (older(to_plain(APPROVAL), gate="none", choices=["RESUME", "ABORT"]), QuestionKind.RESUME),
        (older(to_plain(APPROVAL), gate="none", choices=["ROLL_BACK"]), QuestionKind.ROLLBACK),
    ],
)
def test_question_without_a_kind_gets_it_from_its_choices(plain: dict[str, Any], kind: QuestionKind) -> None:
    found = from_plain(Question, plain)
    assert (found.kind, found.evidence_kind) == (kind, EvidenceKind.NONE)

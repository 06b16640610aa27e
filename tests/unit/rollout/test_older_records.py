"""Records of an earlier version lack the newer fields, and can be read all the same."""

from datetime import UTC, datetime
from typing import Any

import pytest

from lifecycle.domain.monitoring.audit import AuditEntry, AuditKind
from lifecycle.domain.rollout.decision import EvidenceKind, Question, QuestionKind
from lifecycle.gateways.serialization import to_plain
from tests.support.records import read_plain
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
    assert read_plain(Question, plain).kind is kind


@pytest.mark.parametrize(
    ("plain", "kind"),
    [
        (older(to_plain(DECISION), evidence="exit code 3"), EvidenceKind.HOST_LOG),
        (older(to_plain(DECISION), evidence=""), EvidenceKind.NONE),
        (older(to_plain(APPROVAL)), EvidenceKind.NONE),
    ],
)
def test_question_without_an_evidence_kind_gets_it_from_its_host(plain: dict[str, Any], kind: EvidenceKind) -> None:
    assert read_plain(Question, plain).evidence_kind is kind


@pytest.mark.parametrize(
    ("what", "kind"), [("alarm: roll back", AuditKind.ALARM), ("drain", AuditKind.ACTION), ("", AuditKind.ACTION)]
)
def test_audit_entry_without_a_kind_gets_it_from_its_prefix(what: str, kind: AuditKind) -> None:
    entry = AuditEntry(datetime(2026, 11, 27, tzinfo=UTC), "production/hello", what, "ada")
    assert read_plain(AuditEntry, older(to_plain(entry))).kind is kind

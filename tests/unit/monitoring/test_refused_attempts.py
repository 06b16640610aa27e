"""Refusals of those whom nobody knows are in the audit log, and do not fill it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from lifecycle.application.refused_attempt import Refusal, record_refusal
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.monitoring.audit import AuditEntry, AuditKind
from lifecycle.domain.refused_limits import MOST
from lifecycle.gateways.aws.audit import DynamoAuditLog
from lifecycle.gateways.aws.table import Table
from tests.fakes.audit import MemoryAuditLog
from tests.support.aws_in_memory import StoredLedger

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
HELLO, OTHER = Cluster("production", "hello"), Cluster("production", "other")
REFUSAL = Refusal("refused to start the run x", "unknown", "expected an object")


def flood(log: MemoryAuditLog, count: int, begin: datetime = NOW) -> None:
    for number in range(count):
        at = begin + timedelta(seconds=number)
        record_refusal(log, [HELLO], replace(REFUSAL, what=f"refused number {number}"), at)


def refused(log: MemoryAuditLog) -> list[AuditEntry]:
    return [each for each in log.entries if each.kind is AuditKind.REFUSAL]


def test_refusal_is_on_record_in_each_cluster_that_it_is_about() -> None:
    log = MemoryAuditLog()
    record_refusal(log, [HELLO, OTHER], REFUSAL, NOW)
    assert [(each.cluster, each.what, each.who, each.why) for each in log.entries] == [
        ("production/hello", REFUSAL.what, "unknown", REFUSAL.why),
        ("production/other", REFUSAL.what, "unknown", REFUSAL.why),
    ]


def test_flood_of_refusals_leaves_a_bounded_number_of_entries() -> None:
    log = MemoryAuditLog()
    flood(log, 10 * MOST)
    assert len(refused(log)) == MOST
    *most, last = refused(log)
    assert "further refusals of this day are in the logs of the functions only" in last.why
    assert {each.why for each in most} == {REFUSAL.why}


def test_flood_about_one_cluster_does_not_hide_a_refusal_about_another() -> None:
    log = MemoryAuditLog()
    flood(log, 2 * MOST)
    record_refusal(log, [OTHER], REFUSAL, NOW)
    assert refused(log)[-1].cluster == "production/other"


def test_day_after_a_flood_has_refusals_again() -> None:
    log = MemoryAuditLog()
    flood(log, 2 * MOST)
    flood(log, 2 * MOST, NOW + timedelta(days=1, hours=1))
    assert len(refused(log)) == 2 * MOST


def test_work_between_refusals_makes_room_for_as_many_of_them_at_most() -> None:
    log = MemoryAuditLog()
    for number in range(10 * MOST):
        at = NOW + timedelta(seconds=number)
        log.append(AuditEntry(at, str(HELLO), f"step {number}", "lifecycle"))
        flood(log, 3, at)
    assert len(refused(log)) <= 10 * MOST + MOST


def test_refusal_of_a_person_whom_aws_has_named_is_always_on_record() -> None:
    log = MemoryAuditLog()
    flood(log, 2 * MOST)
    for number in range(3):
        record_refusal(log, [HELLO], replace(REFUSAL, who="ada"), NOW + timedelta(minutes=number), named=True)
    assert [each.who for each in log.entries[-3:]] == ["ada"] * 3


def test_texts_of_a_stranger_are_visible_and_short_and_can_be_read_again() -> None:
    log = DynamoAuditLog(Table(StoredLedger(), "ledger"))
    hostile = "\ud800\u202e\0" + "x" * 100_000
    record_refusal(log, [HELLO], Refusal(hostile, hostile, hostile, hostile), NOW)
    record_refusal(log, [HELLO], Refusal(hostile, hostile, hostile, hostile), NOW + timedelta(seconds=1), named=True)
    for entry in log.read(HELLO):
        for text in (entry.what, entry.who, entry.why, entry.deployment):
            assert set(text) == {"x"}
            assert len(text) <= 1_000

"""A run that failed is in the audit log of its services once, and not without end."""

from datetime import UTC, datetime, timedelta

import pytest

from lifecycle.application.delivery.check_build import Checked
from lifecycle.application.delivery.failed_run import MOST_A_DAY, noted
from lifecycle.application.delivery.receive_push import Push
from lifecycle.domain.monitoring.audit import AuditKind
from tests.fakes.context import MemoryContext

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
PUSH = Push("https://example.test/hello.git", "hello", "a" * 40, "main", "ada", "delivery-1")


def note(memory: MemoryContext, kind: str, run: str, at: datetime = NOW) -> list[tuple[str, str, AuditKind]]:
    found = Checked(kind, "unit tests: 3 failed", "hello")
    assert noted(memory.catalogue, memory.audit_log, PUSH, run, found, at) is found
    return [(each.cluster, each.what, each.kind) for each in memory.audit_log.entries]


def test_failed_build_is_on_record_once_however_often_it_is_read() -> None:
    memory, run = MemoryContext({}), f"hello-{'a' * 40}"
    entries = [("production/hello", f"the run {run} failed", AuditKind.RUN_FAILED)]
    assert note(memory, "FAILED", run) == entries
    assert note(memory, "FAILED", run, NOW + timedelta(seconds=5)) == entries
    assert memory.audit_log.entries[0].why == "unit tests: 3 failed"


@pytest.mark.parametrize("kind", ["RUNNING", "SUCCEEDED", "SEVERAL", "NOTHING"])
def test_other_runs_are_not_on_record(kind: str) -> None:
    assert note(MemoryContext({}), kind, f"hello-{'a' * 40}") == []


def test_only_so_many_failed_runs_of_a_day_are_on_record() -> None:
    memory = MemoryContext({})
    for number in range(MOST_A_DAY + 5):
        entries = note(memory, "FAILED", f"hello-{number:040x}", NOW + timedelta(minutes=number))
    assert len(entries) == MOST_A_DAY
    assert len(note(memory, "FAILED", f"hello-{'f' * 40}", NOW + timedelta(days=2))) == MOST_A_DAY + 1

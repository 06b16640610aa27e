"""The reporter: when it writes a report to the ledger, without waiting for real heartbeats."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from apps.agent.reporter import HEARTBEAT_PART, Reporter
from lifecycle.domain.fleet.host import HostReport
from tests.fakes.agent import MemoryReports
from tests.support.polling import PATIENCE_SECONDS

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = 3600.0
REPORT = HostReport("web-1", "127.0.0.1", 8080, "a", NOW, NOW)


class Ledger(MemoryReports):
    """The ledger, whose clock a test sets; each report has the time at which it was written."""

    now = 0.0

    def wait_until_written(self, number: int) -> None:
        self.wait_for(lambda _: len(self.written) >= number, PATIENCE_SECONDS)


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
def reporter(ledger: Ledger) -> Iterator[Reporter]:
    started = Reporter(ledger, HOUR, lambda: NOW, lambda: ledger.now)
    started.start()
    yield started
    started.close()


def test_change_is_written_at_once(ledger: Ledger, reporter: Reporter) -> None:
    reporter.publish(REPORT)
    ledger.wait_until_written(1)
    reporter.publish(replace(REPORT, epoch=1))
    ledger.wait_until_written(2)
    assert [each.epoch for each in ledger.written] == [0, 1]


def test_poll_writes_a_heartbeat_that_is_nearly_due(ledger: Ledger, reporter: Reporter) -> None:
    reporter.publish(REPORT)
    ledger.wait_until_written(1)
    ledger.now = HOUR * (HEARTBEAT_PART - 0.01)
    reporter.publish(REPORT)  # unchanged, and too early
    ledger.now = HOUR * (HEARTBEAT_PART + 0.01)
    reporter.publish(REPORT)
    ledger.wait_until_written(2)
    reporter.publish(replace(REPORT, epoch=1))
    ledger.wait_until_written(3)
    assert [each.epoch for each in ledger.written] == [0, 0, 1]

"""The health of a host in rotation without a load balancer comes from its report alone."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lifecycle.domain.fleet.host import HostReport, SelfTest, UnreadableReport
from lifecycle.domain.fleet.member import Member, health_of, host_at
from lifecycle.domain.fleet.target_group import TargetState

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
TIMEOUT = timedelta(seconds=30)
MEMBER = Member("10.0.0.1", 0, "host-1")
TEST = SelfTest(True, "d1", "boot-1", "ok")
WORKS = HostReport(
    *("host-1", "10.0.0.1", 0, "a", NOW, NOW), digest="d1", boot="boot-1", running=True, self_test=TEST, skew=0.0
)


def state(report: HostReport | None, now: datetime = NOW) -> TargetState:
    return health_of(MEMBER, report, now, TIMEOUT).state


def test_member_works_while_its_tested_start_runs() -> None:
    assert state(WORKS) is TargetState.HEALTHY
    assert state(WORKS, NOW + TIMEOUT) is TargetState.HEALTHY


@pytest.mark.parametrize(
    "test", [None, replace(TEST, passed=False), replace(TEST, digest="d2"), replace(TEST, boot="boot-0")]
)
def test_start_that_was_not_tested_does_not_work(test: SelfTest | None) -> None:
    assert state(replace(WORKS, self_test=test)) is TargetState.NOT_WORKING


def test_nothing_is_known_of_a_member_without_a_new_report() -> None:
    assert state(WORKS, NOW + TIMEOUT + timedelta(seconds=1)) is TargetState.UNKNOWN
    assert state(None) is TargetState.UNKNOWN
    assert state(UnreadableReport.of("host-1", "damaged")) is TargetState.UNKNOWN


def test_host_is_found_by_address_and_port() -> None:
    assert host_at({"host-1": WORKS}, "10.0.0.1", 0) == "host-1"
    assert host_at({"host-1": WORKS}, "10.0.0.1", 80) == ""

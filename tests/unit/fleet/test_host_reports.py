"""The meaning of a host's report and of its commands to the control plane."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from lifecycle.domain.fleet.host import NAMED_SKEW, AgentStage, HostReport, SelfTest, ServiceEnd, UnreadableReport
from lifecycle.domain.fleet.host import readable as readable_report
from lifecycle.domain.fleet.host_command import Order, RefusedTurn, Turn

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)
DIGEST, OTHER = "a" * 64, "b" * 64
REPORT = HostReport(
    *("host-1", "10.0.1.7", 8080, "a", NOW, NOW),
    epoch=7,
    attempt=2,
    order=Order.INSTALL,
    deployment="d-7",
    stage=AgentStage.DONE,
    installed="1.0.1",
    digest=DIGEST,
    boot="boot-1",
    running=True,
    self_test=SelfTest(True, DIGEST, "boot-1", "ok"),
)
TURN = Turn("host-1", Order.INSTALL, "d-7", 7, 2, "1.0.1", DIGEST, NOW, NOW)

AGAIN = "this deployment has epoch 7: abort it and deploy again, which takes a higher epoch"


def changed(**changes: Any) -> HostReport:
    return replace(REPORT, **changes)


def test_host_that_runs_what_passed_its_self_test_has_passed() -> None:
    assert REPORT.has_passed(DIGEST)
    assert not REPORT.has_passed(OTHER)


@pytest.mark.parametrize(
    "report",
    [
        changed(self_test=None),
        changed(self_test=SelfTest(False, DIGEST, "boot-1", "500")),
        changed(self_test=SelfTest(True, DIGEST, "boot-0", "ok")),
        changed(self_test=SelfTest(True, OTHER, "boot-1", "ok")),
        changed(digest=OTHER),
        changed(running=False),
    ],
)
def test_host_that_does_not_run_what_it_tested_has_not_passed(report: HostReport) -> None:
    assert not report.has_passed(DIGEST)


def test_host_is_unreachable_after_the_timeout_and_not_before() -> None:
    timeout = timedelta(seconds=30)
    assert REPORT.unreachable_since(NOW + timeout, timeout) is None
    assert REPORT.unreachable_since(NOW + timeout + MOMENT, timeout) == NOW


@pytest.mark.parametrize(
    ("skew", "seen_at", "problem"),
    [
        (None, NOW, ""),
        (NAMED_SKEW.total_seconds(), NOW, ""),
        (-NAMED_SKEW.total_seconds(), NOW, ""),
        (600.0, NOW, "its clock is 600 s ahead"),
        (-600.0, NOW, "its clock is 600 s behind"),
        (None, NOW + timedelta(seconds=600), "its clock is 600 s ahead"),
        (None, NOW - timedelta(seconds=600), ""),
    ],
)
def test_clock_is_a_problem_if_it_is_far_off(skew: float | None, seen_at: datetime, problem: str) -> None:
    assert changed(skew=skew, seen_at=seen_at).clock_problem(NOW) == problem


@pytest.mark.parametrize(
    ("epoch", "attempt", "stage", "ready"),
    [
        (7, 2, AgentStage.READY, True),
        (6, 2, AgentStage.READY, False),
        (7, 1, AgentStage.READY, False),
        (7, 2, AgentStage.FETCHING, False),
    ],
)
def test_host_is_ready_for_one_attempt(epoch: int, attempt: int, stage: AgentStage, ready: bool) -> None:  # noqa: FBT001
    assert changed(epoch=epoch, attempt=attempt, stage=stage).is_ready(7, 2) is ready


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({}, None),
        ({"epoch": 6, "attempt": 9}, None),
        ({"attempt": 1}, None),
        ({"order": Order.PREFETCH}, None),
        (
            {"epoch": 8, "attempt": 1, "deployment": "d-8"},
            f"host-1 has acted under epoch 8 (d-8), {AGAIN}",
        ),
        (
            {"attempt": 3},
            "host-1 has acted on attempt 3 to install, this is attempt 2 to install: decide RETRY",
        ),
        (
            {"order": Order.RESTORE},
            "host-1 has acted on attempt 2 to restore, this is attempt 2 to install: decide RETRY",
        ),
    ],
)
def test_host_acts_on_no_turn_before_its_last_one(changes: dict[str, Any], why: str | None) -> None:
    assert changed(**changes).fences(TURN) == why


def test_report_answers_one_attempt_of_one_epoch() -> None:
    assert REPORT.answers(TURN)
    assert not changed(epoch=6).answers(TURN)
    assert not changed(attempt=1).answers(TURN)


def test_service_that_does_not_run_says_how_it_ended() -> None:
    end = ServiceEnd(NOW, "exit code 3", "boot-1", booted=False)
    assert changed(running=False).not_running == "its service does not run"
    assert changed(ended=end).not_running == "its service ended with exit code 3"
    assert changed(ended=replace(end, how="")).not_running == "its service ended"
    assert changed(ended=replace(end, booted=True)).not_running.startswith("its host booted")


def test_unreadable_report_says_nothing_of_its_host() -> None:
    unreadable = UnreadableReport.of("host-1", "see the item")
    assert (unreadable.host, unreadable.why) == ("host-1", "see the item")
    assert unreadable.unreachable_since(NOW, timedelta(days=365)) is not None
    assert readable_report(unreadable) is readable_report(None) is None
    assert readable_report(REPORT) is REPORT


@pytest.mark.parametrize(
    ("held", "is_repeat", "why"),
    [
        (
            replace(TURN, epoch=8, deployment="d-8"),
            False,
            f"host-1 holds a command of epoch 8 (d-8), {AGAIN}",
        ),
        (
            replace(TURN, order=Order.IDLE),
            False,
            "the commands of d-7 were withdrawn: it has ended, or was rolled back",
        ),
        (
            replace(TURN, attempt=3),
            False,
            "host-1 holds a command for attempt 3, this is attempt 2: decide RETRY",
        ),
        (
            replace(TURN, order=Order.RESTORE),
            True,
            "host-1 holds a command for attempt 2, this is attempt 2: decide RETRY",
        ),
    ],
)
def test_refused_turn_says_what_its_host_holds(held: Turn, is_repeat: bool, why: str) -> None:  # noqa: FBT001
    refused = RefusedTurn(TURN, held)
    assert (refused.is_repeat, refused.reason) == (is_repeat, why)


def test_turns_of_a_host_have_one_order() -> None:
    rising = [
        replace(TURN, attempt=0, order=Order.PREFETCH),
        replace(TURN, order=Order.PREFETCH),
        replace(TURN, order=Order.RELEASE),
        TURN,
        replace(TURN, order=Order.RESTORE),
        replace(TURN, attempt=3, order=Order.PREFETCH),
        replace(TURN, attempt=0, order=Order.IDLE),
        replace(TURN, epoch=8, attempt=0, order=Order.PREFETCH),
    ]
    assert all(one.progress_rank < next_.progress_rank for one, next_ in pairwise(rising))

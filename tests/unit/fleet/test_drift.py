"""A host drifts unless it serves those bytes, self-tested on this boot, in its own target group."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lifecycle.domain.errors import InvalidName
from lifecycle.domain.fleet.drift import drift_reason
from lifecycle.domain.fleet.host import AgentStage, HostReport, SelfTest, host_name
from lifecycle.domain.fleet.host_command import Order, Turn
from lifecycle.domain.fleet.target_group import Group, TargetState
from lifecycle.domain.service.target import Target

UNTESTED = "has not passed its self-test since the service started"
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
TARGET = Target("1.0.1", "d" * 64)
SERVING = HostReport(
    *("host-1", "10.0.0.1", 8080, "a", NOW, NOW),
    epoch=7,
    attempt=2,
    installed="1.0.1",
    digest="d" * 64,
    boot="b-1",
    running=True,
    self_test=SelfTest(True, "d" * 64, "b-1", "ok"),
)


@pytest.mark.parametrize("group", [Group.TEST_BED, Group.CONTROL])
def test_host_that_serves_the_target_does_not_drift(group: Group) -> None:
    assert drift_reason(SERVING, TargetState.HEALTHY, TARGET) is None
    assert drift_reason(SERVING, TargetState.TEST_GROUP, TARGET, group) is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"installed": ""}, "has nothing installed"),
        ({"installed": "1.0.0"}, "has 1.0.0 installed"),
        ({"digest": "e" * 64}, "has 1.0.1 installed"),
        ({"running": False}, "runs nothing: its service does not run"),
        ({"self_test": None}, UNTESTED),
        ({"boot": "b-2"}, UNTESTED),
        ({"self_test": SelfTest(False, "d" * 64, "b-1", "")}, UNTESTED),
        ({"self_test": SelfTest(True, "e" * 64, "b-1", "")}, UNTESTED),
    ],
)
def test_host_with_other_bytes_or_without_a_self_test_drifts(change: dict[str, object], reason: str) -> None:
    assert drift_reason(replace(SERVING, **change), TargetState.HEALTHY, TARGET) == reason  # type: ignore[arg-type]


def test_host_without_a_report_drifts() -> None:
    assert drift_reason(None, TargetState.HEALTHY, TARGET) == "has no agent"


@pytest.mark.parametrize(
    ("state", "group"),
    [(TargetState.TEST_GROUP, Group.MAIN), (TargetState.HEALTHY, Group.TEST_BED), (TargetState.ABSENT, Group.MAIN)],
)
def test_host_outside_of_its_own_group_drifts(state: TargetState, group: Group) -> None:
    assert drift_reason(SERVING, state, TARGET, group) == f"is {state.in_words}"


def test_self_test_counts_only_while_the_service_runs() -> None:
    assert SERVING.has_passed("d" * 64)
    assert not replace(SERVING, running=False).has_passed("d" * 64)
    assert not SERVING.has_passed("e" * 64)


def test_host_is_unreachable_after_the_heartbeat_timeout_and_not_at_it() -> None:
    minute = timedelta(minutes=1)
    assert SERVING.unreachable_since(NOW + minute, minute) is None
    assert SERVING.unreachable_since(NOW + minute + timedelta(seconds=1), minute) == NOW


def test_host_is_ready_for_one_attempt_of_one_epoch() -> None:
    ready = replace(SERVING, stage=AgentStage.READY)
    assert ready.is_ready(7, 2)
    assert not ready.is_ready(7, 1)
    assert not ready.is_ready(6, 2)
    assert not SERVING.is_ready(7, 2)


def test_report_answers_the_turn_of_its_epoch_and_attempt() -> None:
    turn = Turn("host-1", Order.INSTALL, "d-1", 7, 2, "1.0.1", "d" * 64, NOW, NOW)
    assert SERVING.answers(turn)
    assert not SERVING.answers(replace(turn, epoch=8))
    assert not SERVING.answers(replace(turn, attempt=1))


@pytest.mark.parametrize("name", ["host-1", "i-0abc", "10.0.0.1", "a" * 63])
def test_name_of_a_host_is_returned(name: str) -> None:
    assert host_name(name) == name


@pytest.mark.parametrize("name", ["", "a" * 64, "host/1", "host 1", "../x"])
def test_other_name_of_a_host_is_refused(name: str) -> None:
    with pytest.raises(InvalidName, match="is not a host; allowed: at most 63 letters"):
        host_name(name)

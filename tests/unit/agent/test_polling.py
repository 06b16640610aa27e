"""The pauses between an agent's polls."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from apps.agent.decide import Decision, Fetch, Idle, Ignore, Prefetched
from apps.agent.polling import ALERT, EXPECTED, NEAR, PollPace
from lifecycle.domain.fleet.host_command import Order, Turn

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
BUSY, IDLE = 0.02, 1.0
TURN = Turn("web-1", Order.PREFETCH, "d", 1, 1, "1.0.0", "0" * 64, NOW, NOW + timedelta(days=7))
SOON = Prefetched("on the disk", soon=True)


def pauses(pace: PollPace, decision: Decision, turn: Turn | None, count: int, now: datetime = NOW) -> list[float]:
    return [pace.after(decision, turn, now) for _ in range(count)]


def test_agent_at_rest_polls_seldom() -> None:
    assert pauses(PollPace(BUSY, IDLE), Idle("no command"), None, 3) == [IDLE, IDLE, IDLE]


def test_polls_some_rounds_ahead_slow_down_to_a_fifteenth_of_their_pace() -> None:
    found = pauses(PollPace(BUSY, IDLE), SOON, TURN, 30)
    assert found[0] == BUSY
    assert found == sorted(found)
    assert found[7:] == pytest.approx([15 * BUSY] * 23)


def issued_again(turn: Turn, seconds: int) -> Turn:
    later = timedelta(seconds=seconds)
    return replace(turn, issued_at=turn.issued_at + later, expires_at=turn.expires_at + later)


def test_command_that_is_issued_again_is_polled_for_quickly() -> None:
    pace = PollPace(BUSY, IDLE)
    pauses(pace, SOON, TURN, 30)
    found = pauses(pace, SOON, issued_again(TURN, 1), 30)
    assert found[:5] == [BUSY] * 5
    assert found == sorted(found)
    assert found[-1] == pytest.approx(3 * BUSY)
    assert pauses(pace, SOON, issued_again(TURN, 2), 5) == [BUSY] * 5


def test_command_of_a_rollout_that_halted_is_polled_for_less_and_less_often() -> None:
    pace = PollPace(BUSY, IDLE)
    pauses(pace, SOON, TURN, 30)
    again = issued_again(TURN, 1)
    pauses(pace, SOON, again, 30)
    later = pauses(pace, SOON, again, 30, again.issued_at + NEAR)
    assert later[-1] == pytest.approx(15 * BUSY)
    days = pauses(pace, SOON, again, 30, again.issued_at + EXPECTED)
    assert days[-1] == IDLE
    assert pauses(pace, SOON, replace(again, issued_at=again.issued_at + EXPECTED), 5, NOW + EXPECTED) == [BUSY] * 5


def test_command_some_rounds_ahead_is_polled_for_seldom_after_a_while() -> None:
    pace = PollPace(BUSY, IDLE)
    assert pauses(pace, SOON, TURN, 30, NOW + EXPECTED)[-1] == IDLE


def test_next_attempt_is_polled_for_as_if_it_were_some_rounds_ahead() -> None:
    pace = PollPace(BUSY, IDLE)
    pauses(pace, SOON, TURN, 30)
    assert pauses(pace, SOON, replace(issued_again(TURN, 1), attempt=2), 30)[-1] == pytest.approx(15 * BUSY)


def test_quick_polls_are_never_slower_than_those_at_rest() -> None:
    assert max(pauses(PollPace(BUSY, 0.1), SOON, TURN, 30)) == pytest.approx(0.1)


def test_work_is_followed_by_a_poll_at_once() -> None:
    pace = PollPace(BUSY, IDLE)
    assert pace.after(Fetch(TURN, "new"), TURN, NOW) == BUSY
    assert pace.after(Prefetched("on the disk", soon=False), TURN, NOW) == 2 * BUSY
    assert pauses(pace, Prefetched("on the disk", soon=False), TURN, 6)[-1] == IDLE


def test_agent_stays_alert_for_a_minute_after_a_deployment() -> None:
    ended = replace(TURN, order=Order.IDLE, attempt=0)
    pace = PollPace(BUSY, IDLE)
    assert pauses(pace, Idle("the deployment ended"), ended, 20)[-1] == IDLE / 8
    assert pauses(pace, Idle("the deployment ended"), ended, 20, NOW + ALERT)[-1] == IDLE


def test_command_without_a_time_zone_does_not_disturb_the_polls() -> None:
    naive = replace(TURN, order=Order.IDLE, issued_at=NOW.replace(tzinfo=None))
    assert pauses(PollPace(BUSY, IDLE), Ignore("times without a zone"), naive, 20)[-1] == IDLE

"""Times and durations are written as people read them, in UTC, at every boundary."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from lifecycle.domain.time_format import ago, ahead, lasting, minute, moment, time_of_day

AT = datetime(2026, 11, 23, 1, 46, 30, tzinfo=UTC)
IN_BERLIN = AT.astimezone(timezone(timedelta(hours=1)))


@pytest.mark.parametrize("at", [AT, IN_BERLIN])
def test_times_are_in_utc(at: datetime) -> None:
    assert moment(at) == "2026-11-23 01:46:30"
    assert minute(at) == "2026-11-23 01:46 UTC"
    assert time_of_day(at) == "01:46:30"


def test_no_time_is_a_hyphen() -> None:
    assert moment(None) == "-"


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0, "0 s"), (0.04, "0.0 s"), (0.5, "0.5 s"), (1, "1.0 s"), (9.94, "9.9 s"), (10, "10 s"), (10.4, "10 s"),
        (-3, "-3 s"), (59.4, "59 s"), (59.6, "1 min"), (60, "1 min"), (61, "1 min 1 s"), (120, "2 min"),
        (200, "3 min 20 s"), (3540, "59 min"), (3541, "59 min 1 s"),
        (3599, "59 min 59 s"), (3600, "1 h"), (3660, "1 h 1 min"), (3659, "1 h"),
        (7500, "2 h 5 min"), (7200, "2 h"), (48 * 3600 - 60, "47 h 59 min"), (48 * 3600, "2 d"),
        (48 * 3600 + 3599, "2 d"), (49 * 3600, "2 d 1 h"), (167 * 3600, "6 d 23 h"), (168 * 3600, "7 d"),
        (30 * 86_400, "30 d"), (30 * 86_400 + 3600, "30 d 1 h"),
    ],
)  # fmt: skip
def test_duration_has_two_units_at_most(seconds: float, written: str) -> None:
    assert lasting(seconds) == written


@pytest.mark.parametrize(
    ("seconds", "written"),
    [(-5, "now"), (0, "now"), (0.9, "now"), (1, "1.0 s ago"), (3.7, "3.0 s ago"), (90.9, "1 min 30 s ago")],
)
def test_time_since(seconds: float, written: str) -> None:
    assert ago(AT, AT + timedelta(seconds=seconds)) == written


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (-1, "over"), (0, "over"), (1, "in 1.0 s"), (3599, "in 59 min 59 s"), (3600, "in 1 h"),
        (3629, "in 1 h"), (3631, "in 1 h 1 min"), (86_400, "in 24 h"), (2 * 86_400 - 1, "in 2 d"),
        (2 * 86_400, "in 2 d"), (2 * 86_400 + 1799, "in 2 d"), (2 * 86_400 + 1801, "in 2 d 1 h"),
        (47 * 3600 + 1800, "in 47 h 30 min"),
    ],
)  # fmt: skip
def test_time_until_is_rounded_the_more_the_longer_it_is(seconds: float, written: str) -> None:
    at = AT + timedelta(seconds=seconds)
    assert ahead(at, AT) == f"{minute(at)} ({written})"

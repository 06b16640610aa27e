"""Freezes and windows across weeks, years and clock changes."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lifecycle.domain.errors import InvalidValue
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.freezes import Freeze, Window, check_scope, freeze_reason

HELLO = Cluster("production", "hello")
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)  # a Monday
SALE = Freeze("production", "grace", "sale", NOON, datetime(2026, 11, 24, 8, tzinfo=UTC))
WEEKEND = "Fri 16:00 - Mon 08:00 Europe/Berlin"
BERLIN = ZoneInfo("Europe/Berlin")
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

MINUTES_OF_WEEK = st.integers(min_value=0, max_value=7 * 24 * 60 - 1)
NOWS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
# Within a day of a change of Berlin's clocks: 2026-03-29 01:00 UTC forwards, 2026-10-25 01:00 UTC backwards.
CHANGES = st.builds(
    lambda change, minutes: change + timedelta(minutes=minutes),
    st.sampled_from([datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC)]),
    st.integers(min_value=-1440, max_value=1440),
)


def at(text: str) -> datetime:
    """Return a time in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def written(minute: int) -> str:
    day, rest = divmod(minute, 24 * 60)
    return f"{DAYS[day]} {rest // 60:02}:{rest % 60:02}"


def minute_of_week(wall: datetime) -> int:
    return (wall.weekday() * 24 + wall.hour) * 60 + wall.minute


def between(begin: int, end: int, minute: int) -> bool:
    return begin <= minute < end if begin < end else minute >= begin or minute < end


@pytest.mark.parametrize("scope", ["*", "staging", "production", "production/hello", "staging/a-b"])
def test_scope_is_everything_an_environment_or_a_service_in_one(scope: str) -> None:
    assert check_scope(scope) == scope


@pytest.mark.parametrize(
    "scope", ["", "hello", "prod", "production/", "/hello", "production/Hello", "production/*", "* ", "a/b/c"]
)
def test_other_scope_is_refused_with_the_allowed_ones(scope: str) -> None:
    with pytest.raises(InvalidValue, match=r'allowed: "\*", staging, production, or one service such as'):
        check_scope(scope)


@pytest.mark.parametrize(
    "text",
    [
        *("", "always", "Fri 16:00", "Fri 16:00-Mon 08:00", "Fri 24:00 - Mon 08:00", "fri 16:00 - mon 08:00"),
        *("Fri 16:60 - Mon 08:00", "Friday 16:00 - Monday 08:00", "Fri 16:00 - Fri 16:00"),
        *("Fri 16:00 - Mon 08:00 Berlin", "Fri 16:00 - Mon 08:00 ../etc/passwd", "Fri 16:00 - Mon 08:00 Europe"),
        *("2026-12-20", "2026-12-20 - 2026-12-19", "2026-02-30 - 2026-03-01", "2026-13-01 - 2027-01-01"),
        *("2026-12-20 - 2027-01-04 UTC+1", "20.12.2026 - 04.01.2027", "Fri 16:00 - 2027-01-04 UTC"),
        *("Fri 16:00 - Mon 08:00 UTC\n", "Fri 1\u0666:00 - Mon 08:00"),
    ],
)  # fmt: skip
def test_unreadable_window_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue, match="is not a window; allowed:"):
        Window.parse(text)


@pytest.mark.parametrize(
    ("now", "ends"),
    [
        ("2026-11-20 14:59", None),  # Friday, 15:59 in Berlin
        ("2026-11-20 15:00", "2026-11-23 07:00"),
        ("2026-11-22 12:00", "2026-11-23 07:00"),
        ("2026-11-23 06:59", "2026-11-23 07:00"),
        ("2026-11-23 07:00", None),
        ("2026-12-31 12:00", None),  # a Thursday
        ("2027-01-01 15:00", "2027-01-04 07:00"),
        ("2026-07-03 14:00", "2026-07-06 06:00"),  # in summer
        ("2026-07-03 13:59", None),
    ],
)
def test_weekly_window_wraps_over_the_end_of_the_week(now: str, ends: str | None) -> None:
    window = Window.parse(WEEKEND)
    assert window.ends(at(now)) == (at(ends) if ends else None)
    assert window.covers(at(now)) == bool(ends)


@pytest.mark.parametrize(
    ("now", "ends"),
    [
        ("2026-03-27 15:00", "2026-03-30 06:00"),  # begins in winter time, ends in summer time
        ("2026-03-27 14:59", None),
        ("2026-03-30 05:59", "2026-03-30 06:00"),
        ("2026-03-30 06:00", None),
        ("2026-10-23 14:00", "2026-10-26 07:00"),  # the other way round
        ("2026-10-26 06:59", "2026-10-26 07:00"),
    ],
)
def test_window_over_a_clock_change_ends_by_the_wall_clock(now: str, ends: str | None) -> None:
    assert Window.parse(WEEKEND).ends(at(now)) == (at(ends) if ends else None)


def test_skipped_hour_makes_the_window_longer() -> None:
    # On 2026-03-29, 02:30 does not exist: 01:59 is followed by 03:00, at 01:00 UTC.
    assert Window.parse("Sat 00:00 - Sun 02:30 Europe/Berlin").ends(at("2026-03-28 12:00")) == at("2026-03-29 01:30")
    begins = Window.parse("Sun 02:30 - Sun 12:00 Europe/Berlin")
    assert [begins.covers(at(f"2026-03-29 {clock}")) for clock in ("00:29", "00:30", "01:00")] == [
        False, True, True,
    ]  # fmt: skip


def test_repeated_hour_makes_the_window_longer() -> None:
    # On 2026-10-25, 02:30 is at 00:30 and at 01:30 UTC.
    assert Window.parse("Sat 00:00 - Sun 02:30 Europe/Berlin").ends(at("2026-10-24 12:00")) == at("2026-10-25 01:30")
    begins = Window.parse("Sun 02:30 - Sun 12:00 Europe/Berlin")
    assert [begins.covers(at(f"2026-10-25 {clock}")) for clock in ("00:29", "00:30", "01:15")] == [
        False, True, True,
    ]  # fmt: skip


@pytest.mark.parametrize("zone", [" UTC", ""])
def test_dates_go_from_the_first_midnight_to_the_end_of_the_last_day(zone: str) -> None:
    window = Window.parse(f"2026-12-20 - 2027-01-04{zone}")
    assert not window.covers(at("2026-12-19 23:59:59.999999"))
    assert window.ends(at("2026-12-20 00:00")) == at("2027-01-05 00:00")
    assert window.covers(at("2027-01-04 23:59:59.999999"))
    assert not window.covers(at("2027-01-05 00:00"))


def test_dates_are_those_of_their_zone() -> None:
    window = Window.parse("2026-12-24 - 2026-12-24 Pacific/Kiritimati")  # UTC+14
    assert not window.covers(at("2026-12-23 09:59"))
    assert window.ends(at("2026-12-23 10:00")) == at("2026-12-24 10:00")
    day = Window.parse("2026-03-29 - 2026-03-29 Europe/Berlin")  # 23 hours long
    assert [day.covers(at(f"2026-03-{moment}")) for moment in ("28 22:59", "28 23:00", "29 21:59", "29 22:00")] == [
        False, True, True, False,
    ]  # fmt: skip


def test_time_may_be_given_in_any_zone() -> None:
    window = Window.parse(WEEKEND)
    tokyo = at("2026-11-20 15:00").astimezone(ZoneInfo("Asia/Tokyo"))
    assert window.ends(tokyo) == at("2026-11-23 07:00")


@given(MINUTES_OF_WEEK, MINUTES_OF_WEEK, NOWS)
def test_weekly_window_in_utc_covers_exactly_its_minutes(begin: int, end: int, now: datetime) -> None:
    assume(begin != end)
    window = Window.parse(f"{written(begin)} - {written(end)}")
    assert window.covers(now) == between(begin, end, minute_of_week(now))


@given(MINUTES_OF_WEEK, MINUTES_OF_WEEK, NOWS | CHANGES)
def test_every_wall_clock_time_within_a_window_is_covered(begin: int, end: int, now: datetime) -> None:
    assume(begin != end)
    window = Window.parse(f"{written(begin)} - {written(end)} Europe/Berlin")
    within = between(begin, end, minute_of_week(now.astimezone(BERLIN)))
    changing = range((6 * 24 + 1) * 60, (6 * 24 + 4) * 60)  # Sunday, 01:00 to 04:00
    if within or (begin not in changing and end not in changing):
        assert window.covers(now) == within


@given(MINUTES_OF_WEEK, MINUTES_OF_WEEK, NOWS | CHANGES)
def test_window_is_active_until_its_end(begin: int, end: int, now: datetime) -> None:
    assume(begin != end and (end - begin) % (7 * 24 * 60) < 6 * 24 * 60)
    window = Window.parse(f"{written(begin)} - {written(end)} Europe/Berlin")
    ends = window.ends(now)
    if ends is not None:
        assert now < ends <= now + timedelta(days=6, hours=2)
        assert window.ends(ends - timedelta(microseconds=1)) == ends
        assert not window.covers(ends)


def test_freeze_reason_has_author_reason_beginning_and_end() -> None:
    assert freeze_reason([SALE], (), HELLO, NOON + timedelta(hours=1)) == (
        "production is frozen since 2026-11-23 12:00 UTC by grace: sale; until 2026-11-24 08:00 UTC"
    )
    assert freeze_reason([Freeze("*", "ada", "", NOON)], (), HELLO, NOON) == (
        "everything is frozen since 2026-11-23 12:00 UTC by ada; until it is lifted"
    )


def test_window_reason_has_the_policy_and_the_end() -> None:
    assert freeze_reason([], [WEEKEND], HELLO, at("2026-11-21 12:00")) == (
        "the policy of production/hello freezes Fri 16:00 - Mon 08:00 Europe/Berlin; until 2026-11-23 07:00 UTC"
    )
    assert freeze_reason([], [WEEKEND], HELLO, NOON) is None


def test_no_freeze_blocks_nothing() -> None:
    assert freeze_reason([], (), HELLO, NOON) is None


@pytest.mark.parametrize("scope", ["staging", "production/other", "staging/hello"])
def test_freeze_of_another_scope_blocks_nothing(scope: str) -> None:
    assert freeze_reason([Freeze(scope, "ada", "x", NOON)], (), HELLO, NOON) is None


@pytest.mark.parametrize("scope", ["*", "production", "production/hello"])
def test_expired_freeze_blocks_nothing(scope: str) -> None:
    until = NOON + timedelta(hours=1)
    freeze = Freeze(scope, "ada", "x", NOON, until)
    assert freeze_reason([freeze], (), HELLO, until - timedelta(microseconds=1)) is not None
    assert freeze_reason([freeze], (), HELLO, until) is None


def test_longest_of_several_freezes_is_the_reason() -> None:
    short, endless = (
        Freeze("*", "ada", "short", NOON, NOON + timedelta(hours=2)),
        Freeze("*", "bob", "x", NOON),
    )
    dates = "2026-11-23 - 2026-12-01"
    for order in ([short, SALE], [SALE, short]):
        assert "sale" in str(freeze_reason(order, (), HELLO, NOON))
    assert "2026-12-02" in str(freeze_reason([SALE, short], [dates], HELLO, NOON))
    assert "bob" in str(freeze_reason([SALE, endless, short], [dates], HELLO, NOON))


def test_unreadable_window_blocks_and_is_the_reason() -> None:
    reason = str(freeze_reason([SALE], ["at night"], HELLO, NOON))
    assert reason.startswith("the policy of production/hello has a freeze window that cannot be read: 'at night'")


def test_window_may_begin_in_a_skipped_hour_at_the_first_midnight_of_a_week() -> None:
    # In Tehran, Sunday 2021-03-21 23:59 was followed by Monday 01:00, at 20:30 UTC.
    window = Window.parse("Mon 00:30 - Mon 12:00 Asia/Tehran")
    covered = [window.covers(at(f"2021-03-21 {clock}")) for clock in ("19:59", "20:00", "20:30")]
    assert covered == [False, True, True]


@pytest.mark.parametrize("text", ["Fri 16:00 - Mon 08:00", "Fri 16:00 - Mon 08:00 UTC", "2026-12-20 - 2027-01-04"])
def test_window_without_a_zone_is_in_utc_wherever_the_code_runs(text: str) -> None:
    assert Window.parse(text).zone is UTC

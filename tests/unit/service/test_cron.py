"""The minutes that a cron expression names, in UTC."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from lifecycle.domain.errors import InvalidValue
from lifecycle.domain.service.cron import check, is_due, minute_of, next_due

AT = datetime(2026, 11, 28, 3, 0, tzinfo=UTC)


@pytest.mark.parametrize("text", ["* * * * *", "0 3 * * *", "*/15 9-17 * * MON-FRI", "0 0 29 2 *"])
def test_five_fields_are_valid(text: str) -> None:
    assert check(text) == text


@pytest.mark.parametrize(
    "text", ["", "0 3 * *", "* * * * * *", "@daily", "60 * * * *", "0 0 30 2 *", "0 3 * * \u0661"]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue, match="five fields"):
        check(text)


def test_minute_is_due_exactly_when_it_is_named() -> None:
    assert is_due("0 3 * * *", AT)
    assert not is_due("0 3 * * *", AT + timedelta(minutes=1))
    assert not is_due("0 3 * * *", AT - timedelta(minutes=1))


def test_next_minutes_follow_the_given_time() -> None:
    assert next_due("0 3 * * *", AT, 2) == [AT + timedelta(days=1), AT + timedelta(days=2)]


def test_minutes_are_in_utc_whatever_zone_the_time_has() -> None:
    there = AT.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert minute_of(there + timedelta(seconds=59)) == AT
    assert is_due("0 3 * * *", minute_of(there))
    assert next_due("0 3 * * *", there - timedelta(seconds=1)) == [AT]

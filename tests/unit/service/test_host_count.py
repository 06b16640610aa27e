"""Counts of hosts: the allowed forms, and the rounding of each."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.domain.errors import InvalidValue
from lifecycle.domain.service.host_count import at_least, at_most, parse_host_count

PERCENTS = st.integers(min_value=1, max_value=100)
HOSTS = st.integers(min_value=0, max_value=10_000)


@pytest.mark.parametrize("value", [0, 1, 400, "1%", "9%", "10%", "25%", "99%", "100%"])
def test_number_and_percentage_are_returned_as_written(value: int | str) -> None:
    assert parse_host_count(value) == value


@pytest.mark.parametrize(
    "value",
    [
        *(-1, True, False, 1.0, None, [], "", "3", "0%", "00%", "05%", "101%", "200%", "2.5%", "-5%", "+5%"),
        *("%", "abc", "25 %", " 25%", "25%\n", "25%%", "\u0662%", "25", "1e1%"),
    ],
)
def test_other_values_are_refused_and_named(value: object) -> None:
    with pytest.raises(InvalidValue, match="is not a number of hosts; allowed: a whole number") as refused:
        parse_host_count(value)
    assert repr(str(value)) in str(refused.value)


@pytest.mark.parametrize(
    ("amount", "of", "most", "least"),
    [
        ("25%", 4, 1, 1),
        ("25%", 7, 1, 2),
        ("25%", 8, 2, 2),
        ("25%", 3, 1, 1),
        ("50%", 1, 1, 1),
        ("100%", 5, 5, 5),
        ("1%", 100, 1, 1),
        ("1%", 101, 1, 2),
        ("29%", 100, 29, 29),  # 0.29 * 100 is 28.999999999999996
        ("25%", 0, 1, 0),
        (3, 10, 3, 3),
        (0, 10, 0, 0),
        (12, 10, 12, 12),
    ],
)
def test_maximum_rounds_down_and_minimum_rounds_up(amount: int | str, of: int, most: int, least: int) -> None:
    assert (at_most(amount, of), at_least(amount, of)) == (most, least)


@given(PERCENTS, HOSTS)
def test_percentage_is_rounded_by_less_than_one_host(percent: int, of: int) -> None:
    exact = Fraction(of * percent, 100)
    least = at_least(f"{percent}%", of)
    assert 0 <= least - exact < 1
    most = at_most(f"{percent}%", of)
    assert 0 <= exact - most < 1 or (most == 1 and exact < 1)


@given(PERCENTS, st.integers(min_value=1, max_value=10_000))
def test_percentage_never_exceeds_the_hosts(percent: int, of: int) -> None:
    assert 1 <= at_most(f"{percent}%", of) <= of
    assert 1 <= at_least(f"{percent}%", of) <= of


@given(PERCENTS, HOSTS)
def test_maximum_and_minimum_add_up(percent: int, of: int) -> None:
    if percent < 100 and of * percent >= 100:
        assert at_most(f"{percent}%", of) + at_least(f"{100 - percent}%", of) == of


@pytest.mark.parametrize("count", [at_most, at_least])
def test_unchecked_percentage_is_refused(count: object) -> None:
    assert callable(count)
    with pytest.raises(InvalidValue):
        count("150%", 4)

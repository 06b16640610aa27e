"""Counts of hosts in a policy: a number, or a percentage such as "25%".

Read by servicefile/ and by the plan. `at_most` bounds the hosts taken out, `at_least` the hosts that must
serve. Only `fewer` makes a count of both, such as "25%, at most 2".
"""

import re
from typing import TypeAlias

from lifecycle.domain.errors import InvalidValue

HostCount: TypeAlias = int | str

_SHARE = re.compile(r"(?P<percent>[1-9][0-9]?|100)%")
_BOTH = re.compile(r"(?P<share>[^,]*), at most (?P<number>[0-9]{1,9})")
_EXPECTED = 'a whole number that is not negative, or a share from "1%" to "100%" without decimals'


def parse_host_count(value: object) -> HostCount:
    """Check a count as it was written; raises InvalidValue. A number in quotes is not allowed."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if isinstance(value, str) and _SHARE.fullmatch(value):
        return value
    raise InvalidValue("number of hosts", str(value), _EXPECTED)


def at_most(amount: HostCount, of: int) -> int:
    """Return how many of `of` hosts may be taken out.

    A percentage rounds down, to 1 at the least; a number stays. Source of the rounding: Kubernetes'
    maxUnavailable. The minimum of 1 is ours, or small clusters would not move. Raises InvalidValue.
    """
    number, share = _parts(amount)
    most = [] if number is None else [number]
    return min([*most, *([] if share is None else [max(1, of * share // 100)])])


def fewer(one: HostCount, other: HostCount) -> HostCount:
    """Return the count that `at_most` reads as the smaller of both, for each number of hosts; raises InvalidValue."""
    parts = (_parts(one), _parts(other))
    number = min((number for number, _ in parts if number is not None), default=None)
    share = min((share for _, share in parts if share is not None), default=None)
    if share is None:
        return 0 if number is None else number
    return f"{share}%" if number is None else f"{share}%, at most {number}"


def _parts(amount: HostCount) -> tuple[int | None, int | None]:
    """Return the number and the percentage of a count, at least one of them."""
    if isinstance(amount, int):
        return amount, None
    if both := _BOTH.fullmatch(amount):
        return int(both["number"]), _percent(both["share"])
    return None, _percent(amount)


def at_least(amount: HostCount, of: int) -> int:
    """Return how many of `of` hosts must serve. A percentage rounds up; a number stays. Raises InvalidValue."""
    if isinstance(amount, int):
        return amount
    return -(-of * _percent(amount) // 100)


def _percent(share: str) -> int:
    if not (match := _SHARE.fullmatch(share)):
        raise InvalidValue("number of hosts", share, _EXPECTED)
    return int(match["percent"])

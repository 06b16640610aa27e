"""Counts of hosts in a policy: a number, or a percentage such as "25%".

Read by servicefile/ and by the plan. `at_most` bounds the hosts taken out, `at_least` the hosts that must
serve.
"""

import re
from typing import TypeAlias

from lifecycle.domain.errors import InvalidValue

HostCount: TypeAlias = int | str

_SHARE = re.compile(r"(?P<percent>[1-9][0-9]?|100)%")
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
    if isinstance(amount, int):
        return amount
    return max(1, of * _percent(amount) // 100)


def at_least(amount: HostCount, of: int) -> int:
    """Return how many of `of` hosts must serve. A percentage rounds up; a number stays. Raises InvalidValue."""
    if isinstance(amount, int):
        return amount
    return -(-of * _percent(amount) // 100)


def _percent(share: str) -> int:
    if not (match := _SHARE.fullmatch(share)):
        raise InvalidValue("number of hosts", share, _EXPECTED)
    return int(match["percent"])

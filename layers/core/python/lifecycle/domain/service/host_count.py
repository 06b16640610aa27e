"""Amounts of hosts in a policy: a number, or a share such as "25%".

Read by servicefile/ and by the plan; `at_most` bounds what may be taken away, `at_least` what must be kept.
"""

import re
from typing import TypeAlias

from lifecycle.domain.errors import InvalidValue

HostCount: TypeAlias = int | str

_SHARE = re.compile(r"(?P<percent>[1-9][0-9]?|100)%")
_EXPECTED = 'a whole number that is not negative, or a share from "1%" to "100%" without decimals'


def parse_host_count(value: object) -> HostCount:
    """Check an amount as it was written; raises InvalidValue. A number in quotes is not one."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if isinstance(value, str) and _SHARE.fullmatch(value):
        return value
    raise InvalidValue("number of hosts", str(value), _EXPECTED)


def at_most(amount: HostCount, of: int) -> int:
    """How many of `of` hosts may be taken: a share rounds down, but never to none; a number is as it is.

    Source of the rounding: Kubernetes' maxUnavailable; the least of 1 is ours, or small clusters would not move.
    Raises InvalidValue.
    """
    if isinstance(amount, int):
        return amount
    return max(1, of * _percent(amount) // 100)


def at_least(amount: HostCount, of: int) -> int:
    """How many of `of` hosts must be kept: a share rounds up, a number is as it is. Raises InvalidValue."""
    if isinstance(amount, int):
        return amount
    return -(-of * _percent(amount) // 100)


def _percent(share: str) -> int:
    if not (match := _SHARE.fullmatch(share)):
        raise InvalidValue("number of hosts", share, _EXPECTED)
    return int(match["percent"])

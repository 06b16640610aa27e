"""The end of a freeze as an operator types it: a time such as `2026-11-24 08:00`, or a duration such as `2h`.

Used by the command line and by the console.
"""

import re
from datetime import datetime, timedelta

from lifecycle.domain.errors import InvalidValue
from lifecycle.domain.record_time import parse_time, storable
from lifecycle.domain.time_format import minute

_DURATION = re.compile(r"(?P<count>[1-9][0-9]{0,4})(?P<unit>[mhd])")
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_TIME = re.compile(r"(\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?::\d\d)?) ?(UTC|Z|[+-]\d\d:?\d\d)?")


def parse_freeze_end(text: str, now: datetime) -> datetime | None:
    """Return the end by a time or a duration; None for an empty text. Raises InvalidValue."""
    if not (typed := text.strip()):
        return None
    return end_after(typed, now) if _DURATION.fullmatch(typed) else end_at(typed, now)


def end_after(text: str, now: datetime) -> datetime:
    """Return the end of a freeze that lasts so long; raises InvalidValue."""
    if not (match := _DURATION.fullmatch(text)):
        raise InvalidValue("duration", text, "minutes, hours or days, such as 30m, 2h or 3d")
    return storable(now + int(match["count"]) * _UNITS[match["unit"]])


def end_at(text: str, now: datetime) -> datetime:
    """Return the end of a freeze at a time, which must be to come; raises InvalidValue."""
    found = _time(text)
    if found <= now:
        raise InvalidValue("end of a freeze", text, f"a time after {minute(now)}")
    return found


def _time(text: str) -> datetime:
    expected = "a date and a time in UTC, such as '2026-11-24 08:00', or with its offset, '2026-11-24 08:00+01:00'"
    if not (match := _TIME.fullmatch(text)):
        raise InvalidValue("time", text, expected)
    zone = match[2] if match[2] not in (None, "UTC") else "Z"
    try:
        return parse_time(f"{match[1]}{zone}")
    except InvalidValue as error:
        raise InvalidValue("time", text, expected) from error

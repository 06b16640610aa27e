"""Parse the scope and the end of a freeze as an operator types them: `everything`, `production/hello`, `2h`.

Used by freeze, unfreeze and status.
"""

import re
from datetime import datetime, timedelta

from apps.cli.errors import Ambiguous
from apps.cli.output.text import minute
from lifecycle.domain.errors import InvalidName, InvalidValue, Unknown
from lifecycle.domain.fleet.cluster import ENVIRONMENTS, Cluster
from lifecycle.domain.record_time import parse_time, storable
from lifecycle.domain.rollout.freezes import EVERYTHING, scope_in_words

_DURATION = re.compile(r"(?P<count>[1-9][0-9]{0,4})(?P<unit>[mhd])")
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_TIME = re.compile(r"(\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?::\d\d)?) ?(UTC|Z|[+-]\d\d:?\d\d)?")


def parse_scope(text: str) -> str:
    """Return a scope in the form of the ledger; raises Unknown."""
    if text in (EVERYTHING, scope_in_words(EVERYTHING)):
        return EVERYTHING
    if text in ENVIRONMENTS:
        return text
    try:
        return str(Cluster.parse(text))
    except InvalidName as error:
        known = (scope_in_words(EVERYTHING), *ENVIRONMENTS)
        raise Unknown("freeze scope", text, "Or name a cluster, such as production/hello.", known=known) from error


def unfreeze_command(scope: str) -> str:
    """Return the command that lifts a freeze."""
    return f"unfreeze {scope_in_words(scope)} --why '...'"


def parse_end(until: str, lasts: str, now: datetime) -> datetime | None:
    """Return the end of a freeze by --until or --for; None for neither. Raises InvalidValue, Ambiguous."""
    if until and lasts:
        raise Ambiguous("--until and --for were both given: use one of them")
    if not until and not lasts:
        return None
    found = _time(until) if until else storable(now + _duration(lasts))
    if found <= now:
        raise InvalidValue("end of a freeze", until, f"a time after {minute(now)}")
    return found


def _duration(text: str) -> timedelta:
    if not (match := _DURATION.fullmatch(text)):
        raise InvalidValue("duration", text, "minutes, hours or days, such as 30m, 2h or 3d")
    return int(match["count"]) * _UNITS[match["unit"]]


def _time(text: str) -> datetime:
    expected = "a date and a time in UTC, such as '2026-11-24 08:00', or with its offset, '2026-11-24 08:00+01:00'"
    if not (match := _TIME.fullmatch(text)):
        raise InvalidValue("time", text, expected)
    zone = match[2] if match[2] not in (None, "UTC") else "Z"
    try:
        return parse_time(f"{match[1]}{zone}")
    except InvalidValue as error:
        raise InvalidValue("time", text, expected) from error

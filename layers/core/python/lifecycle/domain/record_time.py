"""The times that records can hold: of years that can be moved by a day, or into another zone.

Checked where a person, a build or an event gives a time, because an audit entry precedes the write; and once more
where records are written and read (gateways/serialization.py).
"""

from datetime import UTC, datetime

from lifecycle.domain.errors import InvalidValue

FIRST_YEAR, LAST_YEAR = 2, 9998
EXPECTED = f"a time with its offset from UTC, of a year from {FIRST_YEAR} to {LAST_YEAR}"


def is_storable(at: datetime) -> bool:
    """Return whether a record can hold a time, which its reader finds in UTC."""
    if at.tzinfo is None or not FIRST_YEAR <= at.year <= LAST_YEAR:
        return False
    return FIRST_YEAR <= at.astimezone(UTC).year <= LAST_YEAR


def storable(at: datetime) -> datetime:
    """Return a time in UTC; raises InvalidValue for one that no record can hold."""
    if not is_storable(at):
        raise InvalidValue("time", at.isoformat(), EXPECTED)
    return at.astimezone(UTC)


def parse_time(text: str) -> datetime:
    """Read a time that somebody else wrote, and return it in UTC; raises InvalidValue."""
    try:
        found = datetime.fromisoformat(text)
    except (TypeError, ValueError) as error:
        raise InvalidValue("time", f"{text:.60}", EXPECTED) from error
    return storable(found)

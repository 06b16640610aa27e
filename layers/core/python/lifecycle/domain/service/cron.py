"""Cron expressions of five fields, in UTC: which minutes they name. Pure; the time is an argument.

Used by lifecycle.toml's schedules, by the agent and by the queries.
"""

from datetime import UTC, datetime, timedelta
from itertools import islice

from cronsim import CronSim, CronSimError

from lifecycle.domain.errors import InvalidValue

EXPECTED = 'a cron expression of five fields in UTC, such as "0 3 * * *" for 03:00 every day'
_MINUTE = timedelta(minutes=1)


def check(cron: str) -> str:
    """Return the expression; raises InvalidValue unless it has five fields and names a minute that ever comes."""
    try:
        if len(cron.split()) != 5 or not cron.isascii():
            raise InvalidValue("schedule", cron, EXPECTED)
        next(CronSim(cron, datetime(2000, 1, 1, tzinfo=UTC)))
    except (CronSimError, StopIteration) as error:
        raise InvalidValue("schedule", cron, EXPECTED) from error
    return cron


def minute_of(now: datetime) -> datetime:
    """Return the beginning of the minute, in UTC."""
    return now.astimezone(UTC).replace(second=0, microsecond=0)


def is_due(cron: str, minute: datetime) -> bool:
    """Return whether the expression names this minute."""
    return next_due(cron, minute - _MINUTE) == [minute]


def next_due(cron: str, after: datetime, count: int = 1) -> list[datetime]:
    """Return the next minutes that the expression names, all after this time."""
    return list(islice(CronSim(cron, after.astimezone(UTC)), count))

"""The host's clock, corrected by the time in AWS's answers: turns expire and reports are dated by AWS's time.

A host whose clock is wrong would look silent, and would begin turns that have expired. agent.py takes the time from
here, and reports the difference. __main__.py has `listen` read the answers of DynamoDB.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from lifecycle.domain.fleet.host import NAMED_SKEW

logger = logging.getLogger(__name__)

# The header Date counts whole seconds, so a difference below this may be none.
SMALLEST = timedelta(seconds=2)
# An answer that took longer says too little about now: the host may have been suspended meanwhile.
LONGEST_ANSWER = timedelta(seconds=2)
_HALF_A_SECOND = timedelta(seconds=0.5)


def utc_now() -> datetime:
    """Return the time of the host's own clock, in UTC."""
    return datetime.now(UTC)


def seconds_since_boot() -> float:
    """Return a time that nobody can set, and that goes on while the host is suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class LedgerClock:
    """A clock that tells AWS's time. It goes on by `steady`, so that setting the host's own clock changes nothing.

    Until the first answer, the host's own clock counts.
    """

    def __init__(
        self, own: Callable[[], datetime] = utc_now, steady: Callable[[], float] = seconds_since_boot
    ) -> None:
        self._own, self._steady = own, steady
        self._sent = threading.local()
        self._zero: datetime | None = None  # AWS's time at the zero of the steady one
        self._named = timedelta()

    def now(self) -> datetime:
        return self._own() if self._zero is None else self._zero + timedelta(seconds=self._steady())

    def seconds_ahead(self) -> float:
        """Return how many seconds the host's own clock is ahead of AWS's, or behind, for the report."""
        return _unless_rounding(self._own() - self.now())

    def sent(self) -> None:
        """Note that this thread sends a request now."""
        self._sent.at = self._steady()

    def answered(self, date: str) -> None:
        """Compare the clock with the header `Date` of the answer that this thread has just got."""
        sent, steady = getattr(self._sent, "at", None), self._steady()
        try:
            there = parsedate_to_datetime(date) + _HALF_A_SECOND
        except ValueError:
            return
        if sent is None or there.tzinfo is None or not 0 <= steady - sent <= LONGEST_ANSWER.total_seconds():
            return
        zero = there - timedelta(seconds=(sent + steady) / 2)
        expected = self._zero or self._own() - timedelta(seconds=steady)
        self._zero = zero if abs(zero - expected) >= SMALLEST else expected
        self._name_difference()

    def _name_difference(self) -> None:
        ahead = self._own() - self.now()
        if abs(ahead - self._named) < SMALLEST:
            return
        self._named = ahead
        if abs(ahead) > NAMED_SKEW:
            where = "ahead of" if ahead > timedelta() else "behind"
            logger.warning("this host's clock is %.0f s %s AWS's: set it", abs(ahead.total_seconds()), where)
        else:
            logger.info("this host's clock agrees with AWS's")

    def listen(self, client: Any) -> None:
        """Read the time in every answer to this boto3 client, errors included."""
        client.meta.events.register("before-send", lambda **_: self.sent())
        client.meta.events.register("after-call", lambda http_response, **_: self._read(http_response.headers))

    def _read(self, headers: Mapping[str, str]) -> None:
        if date := headers.get("Date") or headers.get("date"):
            self.answered(date)


def _unless_rounding(ahead: timedelta) -> float:
    """Return a difference in seconds, to a tenth; 0 if the rounding of the header `Date` may be all of it."""
    return round(ahead.total_seconds(), 1) if abs(ahead) >= SMALLEST else 0.0

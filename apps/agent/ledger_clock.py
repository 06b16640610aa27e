"""The host's clock, corrected by the time in AWS's answers: turns expire and reports are dated by AWS's time.

A host whose clock is wrong would look silent, and would begin turns that have expired. agent.py takes the time from
here, and reports the difference. __main__.py has `listen` read the answers of DynamoDB.
"""

import logging
import threading
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


class LedgerClock:
    """A clock that tells AWS's time. `skew` is how many seconds the host's own clock is ahead of it, or behind.

    Until the first answer, and while nothing answers, the last known difference counts.
    """

    def __init__(self, own: Callable[[], datetime] = utc_now) -> None:
        self._own = own
        self._sent = threading.local()
        self.skew = 0.0

    def now(self) -> datetime:
        return self._own() - timedelta(seconds=self.skew)

    def seconds_ahead(self) -> float:
        """Return `skew`, for the report."""
        return self.skew

    def sent(self) -> None:
        """Note that this thread sends a request now."""
        self._sent.at = self._own()

    def answered(self, date: str) -> None:
        """Compare the clock with the header `Date` of the answer that this thread has just got."""
        sent, now = getattr(self._sent, "at", None), self._own()
        try:
            there = parsedate_to_datetime(date) + _HALF_A_SECOND
        except ValueError:
            return
        if sent is None or there.tzinfo is None or not timedelta(0) <= now - sent <= LONGEST_ANSWER:
            return
        found = sent + (now - sent) / 2 - there
        if abs(found - timedelta(seconds=self.skew)) >= SMALLEST:
            self._change(found)

    def _change(self, found: timedelta) -> None:
        self.skew = round(found.total_seconds(), 1) if abs(found) >= SMALLEST else 0.0
        if abs(found) > NAMED_SKEW:
            where = "ahead of" if self.skew > 0 else "behind"
            logger.warning("this host's clock is %.0f s %s AWS's: set it", abs(self.skew), where)
        else:
            logger.info("this host's clock agrees with AWS's")

    def listen(self, client: Any) -> None:
        """Read the time in every answer to this boto3 client, errors included."""
        client.meta.events.register("before-send", lambda **_: self.sent())
        client.meta.events.register("after-call", lambda http_response, **_: self._read(http_response.headers))

    def _read(self, headers: Mapping[str, str]) -> None:
        if date := headers.get("Date") or headers.get("date"):
            self.answered(date)

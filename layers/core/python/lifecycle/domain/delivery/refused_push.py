"""Pushes that were refused, so that a person finds them where pushes are shown.

functions/delivery/receive_push records each. Otherwise only the sender's list of deliveries has the answer. Anybody
may send a delivery without a signature. Those have a record of their own, and at most one a second is recorded.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from lifecycle.domain.refused_limits import MOST, SHOWN, shown

_PAUSE = timedelta(seconds=1)
_LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class RefusedPush:
    """One refused delivery: the repository that its URL names, if any, the HTTP status, and why.

    `signed` says that the sender knew the webhook's secret. Otherwise nothing that it says is believed.
    """

    at: datetime
    repository: str
    status: int
    why: str
    signed: bool

    @classmethod
    def of(cls, at: datetime, repository: str, status: int, why: str, *, signed: bool) -> "RefusedPush":
        """Return a refusal with visible texts of a bounded length: a stranger may have chosen them."""
        return cls(at, shown(repository, _LONGEST_NAME), status, shown(why), signed)

    @property
    def in_words(self) -> str:
        """Return a phrase such as "acme/shop was answered 401, …"."""
        named = self.repository or "a delivery of no named repository"
        return f"{named if self.signed else f'{named} (not signed)'} was answered {self.status}: {self.why}"


@dataclass(frozen=True, slots=True)
class RefusedPushes:
    """The newest refused deliveries, the newest last."""

    latest: tuple[RefusedPush, ...] = ()

    def recorded(self, push: RefusedPush) -> "RefusedPushes":
        """Return the record with one more, and without those that no view shows any more."""
        if not push.signed and self.latest and timedelta(0) <= push.at - self.latest[-1].at < _PAUSE:
            return self
        lasting = [each for each in self.latest if push.at - each.at < SHOWN]
        return replace(self, latest=(*lasting, push)[-MOST:])


def last_day(found: Sequence[RefusedPush], now: datetime) -> Sequence[RefusedPush]:
    """Return the pushes that were refused in the last day, the oldest first."""
    return sorted((each for each in found if now - each.at < SHOWN), key=lambda each: each.at)


def refusals_in_words(found: Sequence[RefusedPush], now: datetime) -> str:
    """Return a sentence about the pushes that were refused in the last day, with the newest; empty for none."""
    newest = last_day(found, now)
    if not newest:
        return ""
    most = "at least " if len(newest) >= MOST else ""
    counted = f"{most}{len(newest)} deliveries" if len(newest) > 1 else "1 delivery"
    when = "the newest, at" if len(newest) > 1 else "at"
    return f"{counted} refused in the last day; {when} {newest[-1].at:%H:%M} UTC: {newest[-1].in_words}"

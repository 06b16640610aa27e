"""Freezes: decide whether an operator or the service's policy forbids a deployment to begin now.

Called by the plan. A freeze is an operator's record; a window is a line of a policy, weekly or by date. Zones
are those of the IANA database. zoneinfo reads a zone from the disk once: the only file that the domain reads.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from types import MappingProxyType
from typing import TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from lifecycle.domain.errors import InvalidName, InvalidValue
from lifecycle.domain.fleet.cluster import ENVIRONMENTS, Cluster
from lifecycle.domain.time_format import minute

EVERYTHING = "*"
NO_OWNERS: Mapping[str, str] = MappingProxyType({})
# What a freeze does, on the confirmations of the console.
FREEZES = "no new version is deployed there. Rollbacks, repairs and running deployments go on."
_NEVER = datetime.max.replace(tzinfo=UTC)
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MOMENT = rf"({'|'.join(_DAYS)}) ([01][0-9]|2[0-3]):([0-5][0-9])"
_DATE = r"(2[0-9]{3}-[0-9]{2}-[0-9]{2})"
_ZONE = r"(?: ([A-Za-z][A-Za-z0-9_+/-]*))?"
_WEEKLY = re.compile(rf"{_MOMENT} - {_MOMENT}{_ZONE}")
_DATES = re.compile(rf"{_DATE} - {_DATE}{_ZONE}")
_EXPECTED = (
    'days and times, such as "Fri 16:00 - Mon 08:00 Europe/Berlin", or dates, such as "2026-12-20 - 2027-01-04 UTC"'
)


@dataclass(frozen=True, slots=True)
class Freeze:
    """An operator's record that nothing begins in `scope` ("*", an environment, or environment/service).

    It is active from its record on, until `until`; without one, until it is lifted.
    """

    scope: str
    by: str
    why: str
    at: datetime
    until: datetime | None = None

    def covers(self, cluster: Cluster) -> bool:
        return self.scope in (EVERYTHING, cluster.environment, str(cluster))

    def is_active(self, now: datetime) -> bool:
        """Return whether it has not ended by itself. A lifted freeze has no record."""
        return self.until is None or now < self.until


@dataclass(frozen=True, slots=True)
class UnreadableFreeze(Freeze):
    """A freeze that cannot be read: it freezes its scope until it is lifted; `why` says where it is."""

    def covers(self, cluster: Cluster) -> bool:
        try:
            check_scope(self.scope)
        except InvalidValue:
            return True  # nobody knows what it freezes
        return Freeze.covers(self, cluster)


def scope_in_words(scope: str) -> str:
    """Return a scope as people say it."""
    return "everything" if scope == EVERYTHING else scope


def check_scope(text: str) -> str:
    """Check a freeze's scope as it was written; raises InvalidValue."""
    if text == EVERYTHING or text in ENVIRONMENTS:
        return text
    try:
        return str(Cluster.parse(text))
    except InvalidName as error:
        expected = f'"*", {", ".join(ENVIRONMENTS)}, or one service such as production/hello'
        raise InvalidValue("scope of a freeze", text, expected) from error


@dataclass(frozen=True, slots=True)
class _Weekly:
    """A span from minute `begin` of a week until minute `end` of the same or the next week.

    Monday 00:00 is minute 0.
    """

    begin: int
    end: int

    def occurrences(self, today: date) -> Iterator[tuple[datetime, datetime]]:
        """Yield the occurrences around `today` as wall-clock times without a zone."""
        monday = datetime.combine(today - timedelta(days=today.weekday()), time())
        long = timedelta(minutes=(self.end - self.begin) % (7 * 24 * 60))
        for week in (-1, 0, 1):  # the next one, where a clock change makes it begin in the zone's last week
            begin = monday + timedelta(weeks=week, minutes=self.begin)
            yield begin, begin + long


@dataclass(frozen=True, slots=True)
class _Dates:
    """A span from 00:00 of the first day to the end of the last."""

    first: date
    last: date

    def occurrences(self, today: date) -> Iterator[tuple[datetime, datetime]]:
        """Yield the one occurrence, as wall-clock times without a zone."""
        del today
        yield datetime.combine(self.first, time()), datetime.combine(self.last + timedelta(days=1), time())


_Span: TypeAlias = _Weekly | _Dates


@dataclass(frozen=True, slots=True)
class Window:
    """A time in which a policy lets nothing begin, from its first minute up to, but not including, its end.

    Times are the wall clock's of the zone. A time that a clock change skips or repeats is read so that the
    window is longer: the window begins at the earlier reading, and ends at the later.
    """

    text: str
    zone: tzinfo
    span: _Span

    @classmethod
    def parse(cls, text: str) -> "Window":
        """Read a weekly window or a window of dates, in UTC if it names no zone; raises InvalidValue."""
        if match := _WEEKLY.fullmatch(text):
            day, hour, minute, last_day, last_hour, last_minute, zone = match.groups()
            begin, end = _minute(day, hour, minute), _minute(last_day, last_hour, last_minute)
            if begin == end:
                raise InvalidValue("window", text, "an end that differs from its beginning")
            return cls(text, _zone(text, zone), _Weekly(begin, end))
        if match := _DATES.fullmatch(text):
            first, last = (_date(text, each) for each in match.groups()[:2])
            if last < first:
                raise InvalidValue("window", text, "a last day that does not precede its first")
            return cls(text, _zone(text, match[3]), _Dates(first, last))
        raise InvalidValue("window", text, _EXPECTED)

    def covers(self, now: datetime) -> bool:
        return self.ends(now) is not None

    def ends(self, now: datetime) -> datetime | None:
        """Return the end, in UTC, of the occurrence that covers `now`; None when none does."""
        today = now.astimezone(self.zone).date()
        for begin, end in self.span.occurrences(today):
            ending = max(self._readings(end))
            if min(self._readings(begin)) <= now < ending:
                return ending
        return None

    def _readings(self, wall: datetime) -> tuple[datetime, datetime]:
        """Return the two readings of a wall-clock time in UTC; they differ only around a clock change."""
        first, second = (wall.replace(tzinfo=self.zone, fold=fold).astimezone(UTC) for fold in (0, 1))
        return first, second


def _minute(day: str, hour: str, minute: str) -> int:
    return (_DAYS.index(day) * 24 + int(hour)) * 60 + int(minute)


def _date(text: str, written: str) -> date:
    try:
        return date.fromisoformat(written)
    except ValueError as error:
        raise InvalidValue("window", text, f"dates that exist, and {written} does not") from error


def _zone(text: str, name: str | None) -> tzinfo:
    if name in (None, "UTC"):
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidValue(
            "window", text, f"a zone of the IANA database such as Europe/Berlin, not {name}"
        ) from error


def freeze_reason(
    freezes: Sequence[Freeze],
    windows: Sequence[str],
    cluster: Cluster,
    now: datetime,
    owners: Mapping[str, str] = NO_OWNERS,
) -> str | None:
    """Return why a deployment of `cluster` may not begin at `now`, in one sentence; None when it may.

    Of several reasons, the one that lasts longest is returned. `windows` are those of the cluster's policy; `owners`
    says of some of them whose else they are, such as "the floor of production".
    An unreadable window blocks, because the time that it should forbid is not known.
    """
    active = [each for each in freezes if each.covers(cluster) and each.is_active(now)]
    found = [(each.until or _NEVER, _freeze_sentence(each)) for each in active]
    whose = [(text, owners.get(text, f"the policy of {cluster}")) for text in windows]
    found += [why for text, owner in whose if (why := _window_sentence(text, owner, now))]
    return max(found, key=lambda each: each[0])[1] if found else None


def _freeze_sentence(freeze: Freeze) -> str:
    if isinstance(freeze, UnreadableFreeze):
        return freeze.why
    why = f": {freeze.why}" if freeze.why else ""
    until = minute(freeze.until) if freeze.until else "it is lifted"
    return f"{scope_in_words(freeze.scope)} is frozen since {minute(freeze.at)} by {freeze.by}{why}; until {until}"


def _window_sentence(text: str, owner: str, now: datetime) -> tuple[datetime, str] | None:
    try:
        ends = Window.parse(text).ends(now)
    except InvalidValue as error:
        return _NEVER, f"{owner} has a freeze window that cannot be read: {error}"
    return (ends, f"{owner} freezes {text}; until {minute(ends)}") if ends else None

"""Times and durations as people read them; pure. All times are UTC.

Used by the command line and the console, so that both show the same.
"""

from datetime import UTC, datetime


def moment(at: datetime | None) -> str:
    """Return a date and time such as `2026-11-23 01:46:30`, or a hyphen for None."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}" if at else "-"


def minute(at: datetime) -> str:
    """Return a date and time such as `2026-11-23 01:46 UTC`."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def time_of_day(at: datetime) -> str:
    """Return a time such as `01:46:30`."""
    return f"{at.astimezone(UTC):%H:%M:%S}"


def lasting(seconds: float) -> str:
    """Return a duration such as `12 s`, `3 min 20 s`, `2 h 5 min` or `6 d 23 h`."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if 0 < seconds < 10 else f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    minutes = whole // 60
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60} min" if minutes % 60 else f"{minutes // 60} h"
    hours = minutes // 60
    return f"{hours // 24} d {hours % 24} h" if hours % 24 else f"{hours // 24} d"


def ago(at: datetime, now: datetime) -> str:
    """Return the time since `at`, such as `3 s ago`; a clock that runs ahead of ours gives `now`."""
    seconds = (now - at).total_seconds()
    return "now" if seconds < 1 else f"{lasting(int(seconds))} ago"


def ahead(at: datetime, now: datetime) -> str:
    """Return the time until `at`, such as `2026-11-23 08:00 UTC (in 6 h)`; a time in the past gives `(over)`."""
    seconds = (at - now).total_seconds()
    step = 3600 if seconds >= 2 * 86_400 else 60 if seconds >= 3600 else 1
    return f"{minute(at)} ({f'in {lasting(round(seconds / step) * step)}' if seconds > 0 else 'over'})"

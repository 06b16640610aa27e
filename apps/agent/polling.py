"""The pauses between an agent's polls of the ledger: short while its own update is near, long at rest.

Used by agent.py. A changed turn is a sign that more follows: next_step issues the turn of a host again when the
round before the host's own begins, and when its own begins. An INSTALL follows the drain.
"""

from datetime import datetime, timedelta

from apps.agent.decide import Abandon, Decision, Fetch, Idle, Ignore, Install, Prefetched
from lifecycle.domain.fleet.host_command import Order, Turn

_SOON_GROWTH, _GROWTH = 1.25, 2.0
_SOON_LIMIT = 10  # pauses while an install is expected, as a multiple of the shortest one
_QUICK_POLLS = 8  # polls at the shortest pause after a change, while an install is expected: a quick drain's time
# A rollback comes soon after a deployment or not at all, so an agent stays alert for a while.
ALERT = timedelta(minutes=1)
_ALERT_PART = 8


class PollPace:
    """The pauses of one agent, in seconds: `shortest` after each change, growing to `longest` at rest."""

    def __init__(self, shortest: float, longest: float) -> None:
        self._shortest = shortest
        self._longest = longest
        self._turn: Turn | None = None
        self._pause = longest
        self._polls = 0

    def after(self, decision: Decision, turn: Turn | None, now: datetime) -> float:
        """Return the seconds until the next poll, after this decision about this turn."""
        match decision:
            case Fetch() | Install() | Abandon():
                self._pause = self._shortest
            case Prefetched(_, soon) if soon:
                growth = 1.0 if self._polls < _QUICK_POLLS else _SOON_GROWTH
                self._grow(turn, growth, min(self._shortest * _SOON_LIMIT, self._longest))
            case Idle() | Ignore() | Prefetched():
                alert = turn is not None and turn.order is Order.IDLE and _is_recent(turn, now)
                self._grow(turn, _GROWTH, self._longest / _ALERT_PART if alert else self._longest)
        return self._pause

    def _grow(self, turn: Turn | None, factor: float, limit: float) -> None:
        if turn != self._turn:
            self._turn, self._pause, self._polls = turn, self._shortest, 0
        else:
            self._pause = min(self._pause * factor, limit)
        self._polls += 1


def _is_recent(turn: Turn, now: datetime) -> bool:
    """Return whether the turn was issued within ALERT; a turn without a time zone, which is ignored, is not."""
    return turn.issued_at.tzinfo is not None and now - turn.issued_at < ALERT

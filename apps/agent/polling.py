"""The pauses between an agent's polls of the ledger: short while its own update is near, long at rest.

Used by agent.py. next_step issues a host's turn some rounds ahead, and again when the round before the host's own
begins, and when its own begins. An INSTALL follows the drain. So an agent polls quickly only once its turn was issued
again: the others wait for their rounds, and must cost little.
"""

import os
import threading
import time
import weakref
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from apps.agent.decide import Abandon, AbandonRelease, Decision, Fetch, Idle, Ignore, Install, Prefetched, RunRelease
from apps.agent.processes import Ends
from lifecycle.domain.fleet.host_command import Order, Turn

# In a wait that is not short, an end of the service is noticed at once, and its log is bounded each second.
_SHORT_SECONDS, _CHECK_SECONDS = 0.25, 1.0
_GROWTH, _SOON_GROWTH = 2.0, 1.5
_SOON_LIMIT = 15  # the longest pause while an install is expected, as a multiple of the shortest one
_NEAR_LIMIT = 3  # the same once the turn was issued again: the host's round is the next one, or has begun
_NEAR_POLLS = 5  # polls at the shortest pause after that: a quick drain's time
# A rollout that halts leaves the next hosts with such a turn while a human thinks, perhaps for days. A drain of a few
# minutes is still followed quickly, and one step takes no longer than a stage may wait.
NEAR = timedelta(minutes=2)
EXPECTED = timedelta(minutes=15)
# A rollback comes soon after a deployment or not at all, so an agent stays alert for a while.
ALERT = timedelta(minutes=1)
_ALERT_PART = 8


class PollPace:
    """The pauses of one agent, in seconds: `shortest` after each change, growing to `longest` at rest."""

    def __init__(self, shortest: float, longest: float) -> None:
        self._shortest = shortest
        self._longest = longest
        self._turn: Turn | None = None
        self._near = False
        self._pause = longest
        self._polls = 0

    def after(self, decision: Decision, turn: Turn | None, now: datetime) -> float:
        """Return the seconds until the next poll, after this decision about this turn."""
        if turn != self._turn:
            self._near = _is_issued_again(turn, self._turn)
            self._turn, self._pause, self._polls = turn, 0.0, 0
        match decision:
            case Fetch() | RunRelease() | Install() | Abandon() | AbandonRelease():
                self._pause = self._shortest
            case Prefetched(_, soon) if soon and self._near and _is_recent(turn, now, NEAR):
                growth = 1.0 if self._polls < _NEAR_POLLS else _SOON_GROWTH
                self._grow(growth, self._shortest * _NEAR_LIMIT)
            case Prefetched(_, soon) if soon and _is_recent(turn, now, EXPECTED):
                self._grow(_SOON_GROWTH, self._shortest * _SOON_LIMIT)
            case Idle() | Ignore() | Prefetched():
                alert = turn is not None and turn.order is Order.IDLE and _is_recent(turn, now, ALERT)
                self._grow(_GROWTH, self._longest / _ALERT_PART if alert else self._longest)
        self._polls += 1
        return self._pause

    def _grow(self, factor: float, limit: float) -> None:
        self._pause = min(max(self._pause * factor, self._shortest), limit, self._longest)


def _is_issued_again(turn: Turn | None, last: Turn | None) -> bool:
    """Return whether it is the last turn with other times."""
    if turn is None or last is None:
        return False
    return replace(last, issued_at=turn.issued_at, expires_at=turn.expires_at, leaving=turn.leaving) == turn


def _is_recent(turn: Turn | None, now: datetime, within: timedelta) -> bool:
    """Return whether the turn was issued within this time; a turn without a time zone, which is ignored, is not."""
    return turn is not None and turn.issued_at.tzinfo is not None and now - turn.issued_at < within


class Stopping(threading.Event):
    """An event that also wakes who polls its `descriptor`."""

    def __init__(self) -> None:
        super().__init__()
        self.descriptor = os.eventfd(0)
        weakref.finalize(self, os.close, self.descriptor)

    def set(self) -> None:
        super().set()
        os.eventfd_write(self.descriptor, 1)


def wait_and_watch(
    stopping: Stopping,
    seconds: float,
    pids: Iterable[int],
    look: Callable[[], object],
    changed: Callable[[], None],
    check: float = _CHECK_SECONDS,
) -> None:
    """Wait for so many seconds, or until `stopping`. Call `changed` when `look` returns something new.

    It looks at the beginning, every `check` seconds, and when one of these processes ends.
    """
    if seconds <= _SHORT_SECONDS:
        stopping.wait(seconds)
        return
    until, before = time.monotonic() + seconds, look()
    with Ends(pids, stopping.descriptor) as ends:
        while (left := until - time.monotonic()) > 0 and not stopping.is_set():
            ends.wait(min(left, check))
            if (now := look()) != before:
                before = now
                changed()

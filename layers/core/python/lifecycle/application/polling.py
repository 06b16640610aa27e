"""Polls: look until there is an answer. An error of AWS means that nothing is known yet, until a deadline.

Used by every wait of a rollout. A Describe call of an ALB is answered ten times a second for a whole account, so a
throttled poll says nothing about the host that it asks for.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import count
from typing import TypeVar
from zlib import crc32

from lifecycle.application.ports.clock import Clock
from lifecycle.domain.errors import CallFailed

Found = TypeVar("Found")

# The pauses between the polls of a wait grow from this part of the longest one by this factor.
_FIRST_PAUSE = 4
_PAUSE_GROWTH = 1.5
# botocore repeats a call by itself for up to half a minute after it.
PATIENCE = timedelta(seconds=15)
# So many hosts may poll at the usual pace, which takes four of the account's ten Describe calls per second.
_AT_ONCE = 8


def longest_pause(poll_seconds: float, at_once: int) -> float:
    """Return the longest pause between two polls, in seconds, of each of so many hosts that wait at the same time."""
    return poll_seconds * max(1.0, at_once / _AT_ONCE)


def pauses(longest: float, who: str) -> Iterator[float]:
    """Yield the pauses between the polls of one wait, in seconds, for ever.

    The first ones are shorter, because most waits end soon: an idle host drains within milliseconds. Each is longer
    or shorter than its turn by up to a half, as the hash of `who` says, so that many hosts do not poll in step.
    """
    pause = longest / _FIRST_PAUSE
    for number in count():
        yield pause * (0.5 + crc32(f"{who} {number}".encode()) / 2**32)
        pause = min(pause * _PAUSE_GROWTH, longest)


def answered(clock: Clock, deadline: datetime, call: Callable[[], Found], between: Iterator[float]) -> Found:
    """Return the result of a call that may be repeated; it is, while AWS cannot answer and until `deadline`.

    The last error is raised then, and any other one at once.
    """
    while True:
        now = clock.now()
        try:
            return call()
        except CallFailed as error:
            if now >= deadline or not error.temporary:
                raise
        clock.sleep(next(between))


def persistently(clock: Clock, poll_seconds: float, who: str, call: Callable[[], Found]) -> Found:
    """Return the result of a call outside of a stage, repeated for PATIENCE while AWS cannot answer.

    Its caller has no deadline of its own but that of its function, which is a minute or more.
    """
    return answered(clock, clock.now() + PATIENCE, call, pauses(poll_seconds, who))


def poll_until(
    clock: Clock,
    until: datetime,
    deadline: datetime,
    poll: Callable[[], Found | None],
    between: Iterator[float],
) -> Found | None:
    """Return what a poll finds; None where a poll that AWS answered found nothing after `until`.

    While AWS cannot answer, it polls on until `deadline`, and then raises CallFailed.
    """
    while True:
        now = clock.now()
        if (found := answered(clock, deadline, poll, between)) is not None or now >= until:
            return found
        clock.sleep(next(between))

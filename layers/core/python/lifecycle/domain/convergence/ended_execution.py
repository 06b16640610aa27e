"""Convergence right after an execution ended: what it does at once, and what waits for the schedule.

EventBridge calls functions/convergence/converge within seconds of an execution that failed or was stopped. What
starts another execution must not loop: one that cannot even begin would be started again for ever. Resuming has a
back-off of its own (resume.py).
"""

from dataclasses import dataclass
from datetime import timedelta

from lifecycle.domain.convergence.decide import Convergence, Repair
from lifecycle.domain.rollout.execution import execution_number
from lifecycle.domain.rollout.queue import StartPending

# An execution that lasted as long has got further than the one before it.
SHORT = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class EndedExecution:
    """The execution that just failed, timed out or was stopped, and how long it lasted."""

    name: str
    lasted: timedelta


def left_to_schedule(found: Convergence, ended: EndedExecution) -> str | None:
    """Return why convergence leaves this to its schedule; None if it acts at once."""
    match found:
        case Repair():
            return "repairs begin on schedule"
        case StartPending() if execution_number(ended.name) > 1 and ended.lasted < SHORT:
            seconds = ended.lasted.total_seconds()
            return f"{ended.name} was not the first to end, after {seconds:.0f} s; the next begins on schedule"
        case _:
            return None

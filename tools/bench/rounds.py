"""The time of each stage of a host, from the history of the execution.

A round is the work of a rollout for one host: NextStep, then the five stages of the Map in
statemachines/rollout.asl.json. The events are those of GetExecutionHistory, of a rollout of one host at a
time.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any, TypeAlias

from apps.local.errors import LaptopError

TASKS = ("next_step", "drain", "install", "self_test", "register", "await_alive")
TRANSITIONS = "transitions"
Round: TypeAlias = dict[str, float]


def rounds(events: Sequence[Mapping[str, Any]]) -> list[Round]:
    """Return the rounds of a rollout, host by host: seconds by task, and those between the tasks."""
    found: list[Round] = []
    moments: list[datetime] = []
    for event in events:
        kind, at = event["type"], event["timestamp"]
        if kind == "TaskStateEntered":
            moments = [at]
        elif kind in {"TaskScheduled", "TaskSucceeded"}:
            moments.append(at)
        elif kind == "MapStateExited":
            found.append(_round([*moments, at]))
    return found


def stage_spans(events: Sequence[Mapping[str, Any]], offset: float) -> list[tuple[str, float, float]]:
    """Return the spans of tasks and between them: (name, from, to), in seconds since 1970 less `offset`.

    Tasks outside of a round have the name of their state.
    """
    found: list[tuple[str, float, float]] = []
    names: Iterator[str] = iter(())
    since, before = 0.0, 0.0
    for event in events:
        kind, at = event["type"], event["timestamp"].timestamp() - offset
        if kind == "TaskStateEntered":
            names = iter((event["stateEnteredEventDetails"]["name"],))
        elif kind == "MapStateEntered":
            names = iter(TASKS[1:])
        elif kind == "TaskScheduled":
            found += [(TRANSITIONS, before, at)] if before else []
            since = at
        elif kind in {"TaskSucceeded", "TaskFailed", "TaskTimedOut"}:
            found.append((next(names, "another task"), since, at))
            before = at
    return found


def wall(of: Round) -> float:
    """Return the seconds of a round, from one NextStep to the next."""
    return sum(of.values())


def _round(moments: Sequence[datetime]) -> Round:
    """Make a round of its moments: NextStep entered, each task scheduled and succeeded, the Map's end."""
    expected = 2 * len(TASKS) + 2
    if len(moments) != expected:
        raise LaptopError(
            f"expected {len(TASKS)} tasks in a row for one host, found {(len(moments) - 2) / 2:g}: "
            "was a task repeated, or were several hosts updated at a time?"
        )
    steps = [(after - before).total_seconds() for before, after in pairwise(moments)]
    return {**dict(zip(TASKS, steps[1::2], strict=True)), TRANSITIONS: sum(steps[0::2])}

"""Where a host's time goes, as the execution's history tells it.

A round is what a rollout does for one host: NextStep, then the five stages of the Map in
statemachines/rollout.asl.json. Made from GetExecutionHistory's events of a rollout, one host at a time.
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
    """The rounds of a rollout, host by host: seconds by task, and what lies between the tasks."""
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
    """When each task ran, and what lies between two: (name, from, to), in seconds since 1970 less `offset`.

    Other tasks than a round's have their state's name.
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
    """How long a round took, from one look at the records to the next."""
    return sum(of.values())


def _round(moments: Sequence[datetime]) -> Round:
    """`moments`: NextStep entered, then when each task was scheduled and succeeded, then the Map's end."""
    expected = 2 * len(TASKS) + 2
    if len(moments) != expected:
        raise LaptopError(
            f"expected {len(TASKS)} tasks in a row for one host, found {(len(moments) - 2) / 2:g}: "
            "was a task repeated, or were several hosts updated at a time?"
        )
    steps = [(after - before).total_seconds() for before, after in pairwise(moments)]
    return {**dict(zip(TASKS, steps[1::2], strict=True)), TRANSITIONS: sum(steps[0::2])}

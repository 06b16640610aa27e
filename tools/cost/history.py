"""The invocations of a rollout's phases, from the history of its execution."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from apps.local.errors import LaptopError
from tools.cost.definition import Rollout


@dataclass(frozen=True, slots=True)
class Invocation:
    """One call of a phase: from when Step Functions scheduled it until it had the answer."""

    phase: str
    seconds: float


def invocations(events: Sequence[Mapping[str, Any]], rollout: Rollout) -> list[Invocation]:
    """Return the calls of a rollout of one host at a time; raises LaptopError if hosts overlapped.

    The embedded history has no states inside a Map, so the tasks there are the stages in their order.
    """
    found: list[Invocation] = []
    states: Iterator[str] = iter(())
    state, since = "", None
    for event in events:
        kind, at = event["type"], event["timestamp"]
        if kind == "TaskStateEntered":
            states = iter((event["stateEnteredEventDetails"]["name"],))
        elif kind == "MapStateEntered":
            states = iter(rollout.stages)
        elif kind == "TaskScheduled":
            if since is not None:
                raise LaptopError(
                    "expected one task at a time, found two: several hosts were updated at once. "
                    "Choose a rollout with max_unavailable = 1 by --deployment ID"
                )
            # A retry has no state of its own.
            state, since = next(states, state), at
        elif kind in {"TaskSucceeded", "TaskFailed", "TaskTimedOut"} and since is not None:
            if state in rollout.phases:
                found.append(Invocation(rollout.phases[state], (at - since).total_seconds()))
            since = None
    return found

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from apps.local.errors import LaptopError
from tools.bench.rounds import TASKS, TRANSITIONS, rounds, stage_spans, wall

BEGIN = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def history(*kinds: str) -> list[dict[str, Any]]:
    """Return events a tenth of a second apart."""
    return [{"type": kind, "timestamp": BEGIN + timedelta(seconds=number / 10)} for number, kind in enumerate(kinds)]


def one_host(tasks: int = len(TASKS)) -> Iterator[str]:
    yield "TaskStateEntered"
    yield from ("TaskScheduled", "TaskSucceeded")
    yield from ("TaskStateExited", "ChoiceStateEntered", "ChoiceStateExited", "MapStateEntered")
    yield from ("TaskScheduled", "TaskSucceeded") * (tasks - 1)
    yield "MapStateExited"


def test_a_round_is_the_next_step_and_the_five_stages() -> None:
    (found,) = rounds(history("ExecutionStarted", *one_host()))
    assert list(found) == [*TASKS, TRANSITIONS]
    assert found["install"] == pytest.approx(0.1)


def test_the_parts_of_a_round_add_up_to_its_time() -> None:
    events = history(*one_host())
    (found,) = rounds(events)
    assert wall(found) == pytest.approx(0.1 * (len(events) - 1))


def test_each_host_has_a_round_and_the_last_next_step_has_none() -> None:
    ending = ("TaskStateEntered", "TaskScheduled", "TaskSucceeded", "TaskStateExited", "ExecutionSucceeded")
    assert len(rounds(history(*one_host(), *one_host(), *ending))) == 2


def test_a_repeated_task_is_an_error() -> None:
    with pytest.raises(LaptopError, match="expected 6 tasks in a row for one host, found 7"):
        rounds(history(*one_host(tasks=7)))


def test_stages_are_named_by_their_state_or_by_their_place_in_a_round() -> None:
    events = [{"type": "TaskStateEntered", "stateEnteredEventDetails": {"name": "Plan"}}]
    events += [{"type": "TaskScheduled"}, {"type": "TaskSucceeded"}, {"type": "MapStateEntered"}]
    events += [{"type": "TaskScheduled"}, {"type": "TaskSucceeded"}]
    at = [{"timestamp": BEGIN + timedelta(seconds=number)} for number in range(len(events))]
    found = stage_spans([{**event, **when} for event, when in zip(events, at, strict=True)], BEGIN.timestamp())
    assert found == [("Plan", 1.0, 2.0), (TRANSITIONS, 2.0, 4.0), ("drain", 4.0, 5.0)]

"""A head that was read from the repository is a fact of its moment, by the clock of the account."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lifecycle.application.delivery.receive_push import Push
from lifecycle.domain.delivery.branch import NOTHING, Branch, Move

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
A, B, C, X = (letter * 40 for letter in "abce")
SECOND = timedelta(seconds=1)


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def move(before: str, after: str, pushed: float, arrived: float) -> Move:
    """Return a push and the arrival of its event, in minutes after noon by their clocks."""
    return Move(before, after, f"{before[0]}{after[0]}-{pushed}", at(pushed), arrived=at(arrived))


def received(*moves: Move, branch: Branch | None = None) -> Branch:
    found = branch or Branch("https://example.test/hello.git", "main")
    for each in moves:
        found = found.moved(each)
    return found


@pytest.mark.parametrize("fast", [-14, -4, 0, 4, 14])
@pytest.mark.parametrize("seconds", [0, 3])
def test_clock_of_the_machine_that_reads_may_be_wrong(fast: float, seconds: int) -> None:
    said = (at(fast) - seconds * SECOND).isoformat()
    push = Push("r", "hello", A, "main", "ada", "", head_read=said, read_seconds=seconds)
    read_at = push.read_at(NOON)
    assert read_at <= NOON
    before = received(move(NOTHING, X, -5, -5))
    branch = before.read(A, read_at)
    assert received(move(A, B, 1, 1), move(B, C, 2, 2), branch=branch).head == C
    if seconds:
        assert (NOON - read_at, branch.head) == (seconds * SECOND, A)


def test_input_that_was_copied_is_as_old_as_it_says() -> None:
    push = Push("r", "hello", A, "main", "ada", "", head_read=at(-60).isoformat(), read_seconds=3)
    assert push.read_at(NOON) == at(-60)


@pytest.mark.parametrize("slow", [0, 2, 5])
def test_push_after_a_reading_counts_although_the_clock_of_its_forge_is_slow(slow: float) -> None:
    branch = received(move(NOTHING, A, -20 - slow, -20)).read(A, NOON)
    assert received(move(A, B, 0.5 - slow, 0.5), branch=branch).head == B


def test_push_before_a_reading_counts_as_such_although_the_clock_of_its_forge_is_fast() -> None:
    branch = received(move(NOTHING, X, -2, -5), move(X, B, 1, -2)).read(A, NOON)
    assert branch.head == A


def test_late_event_of_a_push_before_a_reading_changes_nothing() -> None:
    branch = received(move(NOTHING, A, -20, -20)).read(A, NOON)
    assert received(move(A, B, -10, 5), branch=branch).head == A
    # The push back came before the reading, so the one before it is older, too.
    back = received(move(NOTHING, A, -20, -20), move(B, A, -0.2, -0.1)).read(A, NOON)
    assert received(move(A, B, -0.5, 0.1), branch=back).head == A


def test_reading_of_the_future_in_an_older_record_ends_with_the_next_push() -> None:
    branch = received(move(NOTHING, A, -20, -20)).read(B, at(4)).believed(NOON)
    assert received(move(B, C, 0, 0), branch=branch).head == C


def test_moves_of_an_older_record_count_by_their_own_times() -> None:
    old = replace(move(NOTHING, A, -1, -1), arrived=None)
    new = replace(move(A, B, 1, 1), arrived=None)
    assert received(old, new).read(A, NOON).head == B
    assert received(old).read(B, NOON).head == B

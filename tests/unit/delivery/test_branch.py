"""The head of a branch follows the order of its pushes, whatever the order of their arrival."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise, permutations

import pytest

from lifecycle.domain.delivery.branch import MOST_MOVES, NOTHING, Branch, Move, wanted_snapshot

BEGAN = datetime(2026, 11, 23, 12, tzinfo=UTC)
NEW, A, B, C, D = (letter * 40 for letter in "0abcd")


def at(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


def path_of(*commits: str) -> list[Move]:
    """Return the pushes that lead a branch along these commits, one a second."""
    return [
        Move(before, after, f"delivery-{number}", at(number))
        for number, (before, after) in enumerate(pairwise(commits))
    ]


def at_one_time(moves: Iterable[Move]) -> list[Move]:
    """Return the moves as a forge sends them that gives no better time."""
    return [Move(each.before, each.after, each.delivery, BEGAN) for each in moves]


def received(moves: Iterable[Move], branch: Branch | None = None) -> Branch:
    found = branch or Branch("https://example.test/hello.git", "main")
    for move in moves:
        found = found.moved(move)
    return found


def test_nothing_is_known_of_a_branch_without_pushes() -> None:
    assert received([]).head == ""
    assert received([]).path == ()
    assert received([]).superseded(A) == ""


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_the_order_of_arrival_does_not_matter(order: Sequence[int]) -> None:
    moves = path_of(NEW, A, B, C, D)
    assert received(moves[each] for each in order).head == D


@pytest.mark.parametrize("order", list(permutations(range(5))))
def test_a_branch_that_is_forced_back_and_forth_is_where_it_was_pushed_last(order: Sequence[int]) -> None:
    moves = at_one_time(path_of(NEW, A, B, A, C, A))
    assert received(moves[each] for each in order).head == A


@pytest.mark.parametrize("seed", range(200))
def test_any_path_in_any_order_with_repeats_ends_at_its_head(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 (chance, no secret)
    commits = [NEW]
    for _ in range(rng.randint(1, 12)):
        commits.append(rng.choice([each for each in (A, B, C, D) if each != commits[-1]]))
    moves = path_of(*commits)
    if rng.random() < 0.5:
        moves = at_one_time(moves)
    arriving = [*moves, *rng.choices(moves, k=rng.randint(0, 4))]
    rng.shuffle(arriving)
    assert received(arriving).head == commits[-1]
    assert received(arriving).path[-1] == commits[-1]


def test_a_repeated_delivery_changes_nothing() -> None:
    moves = path_of(NEW, A, B)
    branch = received(moves)
    assert branch.moved(moves[0]) is branch
    # Somebody sent the body again, so it has the old push's time, and an id of its own.
    assert branch.moved(Move(NEW, A, "another", moves[0].at)).head == B


def test_a_push_whose_predecessor_was_lost_is_the_head() -> None:
    moves = path_of(NEW, A, B, C)
    assert received([moves[0], moves[2]]).head == C
    assert received([moves[2], moves[0]]).head == C
    assert received([moves[2], moves[0]]).path == (A, B, C)


def test_the_newest_push_is_the_head_although_a_push_to_its_commit_was_lost() -> None:
    """0 to A, the push to B lost, forced back to A, and pushed to B again."""
    moves = path_of(NEW, A, B, A, B)
    assert received([moves[0], moves[2], moves[3]]).head == B


@pytest.mark.parametrize("seed", range(200))
def test_the_newest_push_is_the_head_whatever_was_lost_before_it(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 (chance, no secret)
    commits = [NEW]
    for _ in range(rng.randint(2, 8)):
        commits.append(rng.choice([each for each in (A, B, C, D) if each != commits[-1]]))
    *moves, newest = path_of(*commits)
    arriving = [*(each for each in moves if rng.random() > 0.3), newest]
    rng.shuffle(arriving)
    assert received(arriving).head == commits[-1]


def test_a_long_path_in_the_wrong_order_is_one_path() -> None:
    """As the simulation found it: the last two pushes of one second arrived in the wrong order."""
    moves = at_one_time(path_of(NEW, A, B, C, D, B, D, "e" * 40, D))
    assert received([*moves[:6], moves[7], moves[6]]).head == D


def test_a_newer_circle_beyond_a_lost_push_is_the_head() -> None:
    moves = path_of(NEW, A, B, C, D, C)
    assert received(each for each in moves if (each.before, each.after) != (B, C)).head == C


def test_a_circle_without_its_first_push_is_at_its_newest_push() -> None:
    assert received([Move(A, B, "1", at(1)), Move(B, A, "2", at(2))]).head == A
    assert received([Move(B, A, "2", at(2)), Move(A, B, "1", at(1))]).head == A


def test_the_path_has_no_commit_that_the_branch_has_left() -> None:
    moves = path_of(NEW, A, B, A)
    assert received([moves[1], moves[0]]).path == (A, B)
    assert received([moves[1], moves[2], moves[0]]).path == (A,)


def test_a_head_that_was_read_stands_for_all_pushes_before_it() -> None:
    moves = path_of(NEW, A, B, C)
    branch = received([moves[0]]).read(B, at(1.5))
    assert branch.head == B
    assert branch.moved(moves[1]).head == B
    assert branch.moved(moves[2]).head == C
    assert branch.moved(Move(NEW, D, "old", at(-3600))).head == B
    assert branch.read(A, at(1)).head == B


def test_a_push_after_the_reading_stays() -> None:
    assert received(path_of(NEW, A, B)).read(A, at(0.5)).head == B


def test_only_the_newest_pushes_stay_in_the_record() -> None:
    rng = random.Random(7)  # noqa: S311 (chance, no secret)
    commits = [NEW, *(f"{number:040x}" for number in range(1, 3 * MOST_MOVES))]
    moves = path_of(*commits)
    branch = received(moves)
    assert (len(branch.moves), branch.head) == (MOST_MOVES, commits[-1])
    assert branch.moved(moves[3]).head == commits[-1]
    assert received(sorted(moves, key=lambda each: each.at.second + rng.random() * 5)).head == commits[-1]


def test_an_old_push_that_the_record_has_forgotten_changes_nothing_when_it_comes_again() -> None:
    """Commits that recur: as a circle, the record of the newest pushes does not show where it began."""
    moves = path_of(NEW, *([A, B] * MOST_MOVES)[: MOST_MOVES + 11])
    branch = received(moves)
    assert branch.moved(moves[0]) == branch
    assert branch.moved(replace(moves[0], delivery="another")) == branch


def test_only_the_head_is_wanted() -> None:
    branch = received(path_of(NEW, A, B))
    assert branch.wanted("hello", "") == B
    assert branch.superseded(B) == ""
    assert branch.superseded(A) == "aaaaaaa is no longer the head of main: bbbbbbb is"


def test_a_service_in_a_folder_wants_the_newest_push_that_changed_it() -> None:
    branch = received(path_of(NEW, A, B, C)).begun("api", B).begun("api", A)
    assert branch.wanted("api", "services/api") == B
    assert branch.superseded(A, "api", "services/api") == "aaaaaaa is no longer the head of main for api: bbbbbbb is"
    assert branch.superseded(A, "web", "services/web") == ""


def test_a_service_in_a_folder_follows_a_branch_that_is_forced_back() -> None:
    branch = received(path_of(NEW, A, B, A)).begun("api", A).begun("api", B)
    assert branch.wanted("api", "api") == A
    assert received(path_of(NEW, A, B)).begun("api", B).moved(Move(B, A, "back", at(9))).begun("api", A).wanted(
        "api", "api"
    ) == A  # fmt: skip


def test_a_commit_that_the_branch_has_left_is_wanted_by_no_service() -> None:
    """B failed to build, and the branch was forced back to A, whose deployment may still wait."""
    branch = received(path_of(NEW, A, B, A)[:2]).begun("api", A).begun("api", B)
    assert branch.superseded(A, "api", "api")
    back = branch.moved(Move(B, A, "back", at(9)))
    assert back.superseded(A, "api", "api") == ""
    assert back.superseded(B, "api", "api") == "bbbbbbb is no longer the head of main for api: aaaaaaa is"
    only = received(path_of(NEW, A, B, A)).begun("api", B)
    assert only.superseded(B, "api", "api") == "bbbbbbb is no longer on main"


def test_a_forced_push_leaves_the_commit_before_it_and_perhaps_no_other() -> None:
    forced = Move(B, C, "forced", at(9), forced=True)
    branch = received([*path_of(NEW, A, B), forced]).begun("api", A).begun("api", B)
    assert branch.wanted("api", "api") == A
    assert branch.path == (C,)


def test_what_the_branch_has_left_stays_so_when_its_moves_are_forgotten() -> None:
    branch = received(path_of(NEW, A, B)).begun("api", A).begun("api", B)
    path = [A, *(f"{number:040x}" for number in range(1, 2 * MOST_MOVES))]
    later = [replace(each, at=at(10 + number)) for number, each in enumerate(path_of(B, *path))]
    branch = received((replace(each, delivery=f"later-{each.delivery}") for each in later), branch)
    assert branch.wanted("api", "api") == A
    assert A not in {each.after for each in branch.moves}


def test_a_service_of_an_older_record_wants_its_newest_build() -> None:
    branch = replace(received(path_of(NEW, A, B)), services={"api": A})
    assert branch.wanted("api", "api") == A
    assert branch.begun("api", B).wanted("api", "api") == B


def test_the_newest_snapshot_of_a_commit_is_found() -> None:
    snapshots = {
        "1.0.0-1": {"commit": A, "built": "2026-11-23T12:00:00"},
        "1.0.0-2": {"commit": A, "built": "2026-11-23T12:05:00"},
        "1.0.0-3": {"commit": B, "built": "2026-11-23T12:06:00"},
    }
    assert wanted_snapshot(snapshots, A) == "1.0.0-2"
    assert wanted_snapshot(snapshots, C) == ""


def test_the_branch_of_no_commit_is_no_head() -> None:
    assert NOTHING not in received(path_of(NEW, A)).path

"""The score counts what was judged in this tree. A goal needs the whole sample, and a reason for each survivor."""

from pathlib import Path

import pytest

from tools.mutants.operators import Mutation
from tools.mutants.report import Report
from tools.mutants.scoring import Judged, State
from tools.mutants.sources import Module, Mutant

ROOT = Path("/repository")
MODULE = Module("lifecycle.domain.x", ROOT / "domain" / "x.py")
SAMPLE = [
    Mutant(f"m{number}", MODULE, Mutation("work", number, "comparison", "x = a < b", "x = a <= b", (number,)))
    for number in range(10)
]


def killed(number: int, tree: str = "now") -> Judged:
    return Judged(f"m{number}", tree, "unit tests", "test_x", 1.0)


def survived(number: int, tree: str = "now") -> Judged:
    return Judged(f"m{number}", tree, "", "", 1.0)


def report(*results: Judged, reasons: dict[str, str] | None = None, keep_killed: bool = False) -> Report:
    return Report(SAMPLE, {each.id: each for each in results}, "now", reasons or {}, keep_killed=keep_killed)


NINE = [killed(number) for number in range(9)]


def test_goal_is_reached_with_enough_killed_and_a_reason_for_the_rest() -> None:
    found = report(*NINE, survived(9), reasons={"m9": "equivalent: a is never b"})
    assert found.score == 90.0
    assert found.reaches(90.0)
    assert not found.reaches(90.1)


def test_survivor_without_a_reason_misses_the_goal() -> None:
    found = report(*NINE, survived(9))
    assert not found.reaches(90.0)
    assert "survivors without a reason: 1" in found.text(ROOT)


def test_part_of_the_sample_misses_the_goal() -> None:
    found = report(*NINE)
    assert found.score == 100.0
    assert not found.reaches(90.0)
    assert "9 of 10 mutants judged, 9 killed (9 by unit tests)" in found.text(ROOT)


def test_nothing_judged_has_no_score() -> None:
    assert report().score == 0.0
    assert not report().reaches(0.0)


def test_survivor_is_shown_with_its_place_its_change_and_its_reason() -> None:
    lines = report(*NINE, survived(9), reasons={"m9": "equivalent: a is never b"}).text(ROOT).splitlines()
    assert lines[:4] == [
        "survived: domain/x.py:9 work [comparison] m9",
        "  - x = a < b",
        "  + x = a <= b",
        "  equivalent: a is never b",
    ]


@pytest.mark.parametrize(("keep_killed", "counted"), [(False, 1), (True, 2)])
def test_results_of_another_tree_count_only_when_asked_for(keep_killed: bool, counted: int) -> None:  # noqa: FBT001
    found = report(killed(0), killed(1, "before"), survived(2, "before"), keep_killed=keep_killed)
    assert found.killed == counted
    assert found.survivors == []
    assert ("1 of them were killed before" in found.text(ROOT)) is keep_killed


@pytest.mark.parametrize(("keep_killed", "again"), [(False, ["m1", "m2", "m3"]), (True, ["m2", "m3"])])
def test_run_goes_on_with_what_has_no_result(keep_killed: bool, again: list[str]) -> None:  # noqa: FBT001
    state = State(ROOT, {each.id: each for each in (killed(0), killed(1, "before"), survived(2, "before"))})
    left = state.unjudged(SAMPLE[:4], "now", keep_killed=keep_killed)
    assert [each.id for each in left] == again

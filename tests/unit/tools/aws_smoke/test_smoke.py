"""The kit over an account in memory: whatever fails and whenever, nothing is left, or the report names it."""

import tomllib
from pathlib import Path

import pytest

from lifecycle.domain.errors import LifecycleError
from tests.fakes.smoke_cloud import MemoryCloud
from tools.aws_smoke.cloud import Part, SmokeFailed, Verdict
from tools.aws_smoke.journal import Journal
from tools.aws_smoke.questions import QUESTIONS
from tools.aws_smoke.smoke import Smoke, lines
from tools.aws_smoke.spending import Budget, estimate
from tools.cost.__main__ import PRICES

LIST_PRICES = tomllib.loads(PRICES.read_text())
# The calls of a run that succeeds, without its removals.
CALLS = len(Part) + 5 + len(QUESTIONS)


def smoke(cloud: MemoryCloud, folder: Path, cap: float = 5.0, seconds: float = 60.0) -> Smoke:
    budget = Budget(cap, LIST_PRICES, lambda: seconds)
    return Smoke(cloud, Journal(folder / "journal.json"), budget, lambda _: None)


def test_whole_run_rolls_out_halts_rolls_back_asks_and_leaves_nothing(tmp_path: Path) -> None:
    cloud = MemoryCloud()
    report = smoke(cloud, tmp_path).run()
    assert report.succeeded, list(lines(report))
    assert {each.question for each in report.answers} == set(QUESTIONS)
    assert cloud.parts == set()
    assert not (tmp_path / "journal.json").exists()
    removed = [each for each in cloud.calls if each.startswith("remove")]
    assert removed == [f"remove {part}" for part in reversed(Part)]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SmokeFailed("no"), OSError("gone")])
@pytest.mark.parametrize("call", range(1, CALLS + 1))
def test_failure_at_any_call_leaves_nothing(call: int, error: BaseException, tmp_path: Path) -> None:
    cloud = MemoryCloud(fails={call: error})
    report = smoke(cloud, tmp_path).run()
    assert cloud.parts == set(), cloud.calls
    assert not report.left
    asked = cloud.calls[call - 1].startswith("answer") and not isinstance(error, KeyboardInterrupt)
    assert bool(report.failure) is not asked


@pytest.mark.parametrize("call", range(CALLS + 1, CALLS + len(Part) + 2))
def test_removal_that_fails_is_reported_and_the_next_clean_up_ends_it(call: int, tmp_path: Path) -> None:
    cloud = MemoryCloud(fails={call: OSError("in use")})
    report = smoke(cloud, tmp_path).run()
    assert not report.succeeded
    assert "--clean-up-only" in list(lines(report))[-1]
    assert (tmp_path / "journal.json").exists()
    again = smoke(cloud, tmp_path).clean_up()
    assert again.succeeded
    assert cloud.parts == set()
    assert not (tmp_path / "journal.json").exists()


def test_journal_names_a_part_before_it_is_made(tmp_path: Path) -> None:
    cloud = MemoryCloud()

    def look() -> None:
        if cloud.calls[-1].startswith("make"):
            made = cloud.calls[-1].removeprefix("make ")
            assert made in Journal(tmp_path / "journal.json").entry.parts

    cloud.after = look
    smoke(cloud, tmp_path).run()


def test_run_that_was_killed_is_cleaned_up_by_its_journal(tmp_path: Path) -> None:
    cloud = MemoryCloud()
    killed = smoke(cloud, tmp_path)
    killed.journal.begin(Part.NETWORK)
    cloud.make(Part.NETWORK)
    report = smoke(cloud, tmp_path).clean_up()
    assert report.succeeded
    assert cloud.parts == set()


def test_blocker_stops_before_anything_is_made_or_removed(tmp_path: Path) -> None:
    cloud = MemoryCloud(refuses=("the stack lifecycle is not the kit's own",))
    report = smoke(cloud, tmp_path).run()
    assert report.failure.startswith("not begun")
    assert cloud.calls == []


def test_bad_version_that_does_not_halt_fails_the_run(tmp_path: Path) -> None:
    report = smoke(MemoryCloud(halts=False), tmp_path).run()
    assert "expected HALTED, found DONE" in report.failure
    assert not report.left


def test_cap_ends_a_run_that_takes_too_long(tmp_path: Path) -> None:
    cloud = MemoryCloud()
    report = smoke(cloud, tmp_path, cap=1.0, seconds=24 * 3600).run()
    assert "more than the cap of 1.00 USD" in report.failure
    assert cloud.parts == set()


def test_usual_run_costs_less_than_a_dollar() -> None:
    assert 0 < estimate(LIST_PRICES) < 1.0


def test_question_that_cannot_be_measured_says_why(tmp_path: Path) -> None:
    first = len(Part) + 6
    report = smoke(MemoryCloud(fails={first: LifecycleError("no metrics yet")}), tmp_path).run()
    assert report.answers[0].verdict is Verdict.NOT_MEASURED
    assert "no metrics yet" in report.answers[0].found
    assert report.succeeded

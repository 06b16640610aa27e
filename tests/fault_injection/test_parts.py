"""Tests of the parts by which the fault-injection suite judges a case."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.fault_injection import faults, rollout_cases
from tests.fault_injection.__main__ import chosen_cases, run_in_pieces
from tests.fault_injection.cases import Case, Ended
from tests.fault_injection.faults import Armed, Fault, arm, around, disarm, noted
from tests.fault_injection.traffic import Load
from tests.support.resumable import UNFINISHED, Budget, opened
from tools.demo.traffic import Outcome


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Host h1 passed its self-test at 10, on its start b1."""
    (tmp_path / "passed.jsonl").write_text(json.dumps({"start": "1.0.0 h1 b1", "at": 10.0}) + "\n")
    return Load("http://127.0.0.1:1", tmp_path)


def test_answers_after_the_self_test_are_accepted(load: Load) -> None:
    load.logs[0].answers += [(11.0, "1.0.0 h1 b1"), (12.0, "1.0.0 h1 b1")]
    judged = load.judge(0, 20)
    assert (judged.requests, judged.failures, judged.untested) == (2, (), ())
    assert judged.versions == {"1.0.0"}


@pytest.mark.parametrize(("at", "start"), [(9.0, "1.0.0 h1 b1"), (11.0, "1.0.0 h1 b2"), (11.0, "")])
def test_an_answer_without_a_self_test_before_it_is_found(load: Load, at: float, start: str) -> None:
    load.logs[1].answers.append((at, start))
    assert load.judge(0, 20).untested == (start,)


def test_a_failed_request_counts_for_the_case_in_which_it_failed(load: Load) -> None:
    load.logs[0].add(Outcome(0.0, 0.0, 0.1, 503, "HTTP 503"))
    (at, _), *_ = load.logs[0].failed_at
    assert load.judge(at - 1, at + 1).failures == ("HTTP 503",)
    assert load.judge(at + 1, at + 2).failures == ()


@pytest.fixture
def armed_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(faults, "_die", lambda armed: faults.note(faults.folder(), armed.case, "fault"))
    return faults.folder()


def test_a_fault_fires_once_and_at_its_place_only(armed_folder: Path) -> None:
    arm(armed_folder, Armed("case", "drain", Fault.TWICE))
    done: list[str] = []
    for place in ("plan", "drain", "drain"):
        around(place, lambda place=place: done.append(place))  # type: ignore[misc]
    assert done == ["plan", "drain", "drain", "drain"]
    assert set(noted(armed_folder, "case")) == {"claimed", "fault", "over"}


def test_a_disarmed_fault_does_nothing(armed_folder: Path) -> None:
    arm(armed_folder, Armed("case", "drain", Fault.AFTER))
    disarm(armed_folder)
    assert around("drain", lambda: "answer") == "answer"
    assert noted(armed_folder, "case") == {}


def test_between_strikes_after_so_many_writes(armed_folder: Path) -> None:
    arm(armed_folder, Armed("case", "plan", Fault.BETWEEN, writes=2))
    struck: list[bool] = []

    def plan() -> None:
        for operation in ("GetItem", "PutItem", "Query", "UpdateItem"):
            faults.written(operation)
            struck.append("fault" in noted(armed_folder, "case"))

    around("plan", plan)
    assert struck == [False, False, False, True]


def test_between_a_phase_that_writes_too_little_never_fires(armed_folder: Path) -> None:
    arm(armed_folder, Armed("case", "plan", Fault.BETWEEN, writes=2))
    around("plan", lambda: faults.written("PutItem"))
    assert "fault" not in noted(armed_folder, "case")


def test_full_name_chooses_one_case_and_a_part_chooses_many() -> None:
    every = list(rollout_cases.cases())
    assert [case.name for case in chosen_cases(every, ["drain: twice"])] == ["drain: twice"]
    assert len(chosen_cases(every, ["drain: killed between"])) > 1
    assert chosen_cases(every, []) == every


class Pieces:
    """Runs of two cases at most, in which the cases named in `broken` fail."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.broken: set[str] = set()

    def __call__(
        self, cases: Sequence[Case], results: list[Ended], budget: Budget, save: Callable[[Path], None]
    ) -> bool:
        for case in cases[:2]:
            self.ran.append(case.name)
            problems = ("it broke",) if case.name in self.broken else ()
            results.append(Ended(case.name, "done", 1.0, 10, 0, 2.0, problems))
            save(Path("/nowhere/at/all"))
        return False


def test_suite_goes_on_after_the_cases_that_are_done(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chosen, pieces = chosen_cases(list(rollout_cases.cases()), ["register: "])[:3], Pieces()
    pieces.broken = {chosen[0].name}

    def piece(*, again: bool = False) -> int:
        with opened(tmp_path / "state.json", (), {}) as state:
            return run_in_pieces(state, chosen, Budget(), again=again, run_cases=pieces)

    assert piece() == 1
    assert "2 of 3 cases, 1 failed" in (said := capsys.readouterr().out)
    assert f'tests.fault_injection "{chosen[0].name}"' in said
    assert piece() == 1
    assert pieces.ran == [case.name for case in chosen]
    assert piece() == 1
    assert len(pieces.ran) == 3
    pieces.broken = set()
    assert piece(again=True) == 0
    assert pieces.ran[3:] == [chosen[0].name]
    assert f"passed only when it was run again: {chosen[0].name}" in capsys.readouterr().out


def test_suite_that_is_not_finished_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chosen = chosen_cases(list(rollout_cases.cases()), ["register: "])
    with opened(tmp_path / "state.json", (), {}) as state:
        assert run_in_pieces(state, chosen, Budget(), again=False, run_cases=Pieces()) == UNFINISHED
    assert f"{len(chosen) - 2} cases are left" in capsys.readouterr().out

"""Mutants of a small project: a test kills those that break what it asserts, and no others."""

import subprocess
import sys
import time
import tomllib
from pathlib import Path

import psutil
import pytest

from tests.support.polling import until
from tools.mutants.__main__ import FOLDERS, REASONS, SOURCE_ROOT
from tools.mutants.imports import replace_module
from tools.mutants.isolation import TIME_LIMIT, Died, WorkFailed, run_isolated
from tools.mutants.judges import Project
from tools.mutants.line_map import ControlFailed, LineMap
from tools.mutants.report import read_reasons
from tools.mutants.scoring import Court, Judged
from tools.mutants.sources import Sources

CODE = """
LIMIT = 3

def is_allowed(number: int) -> bool:
    return number <= LIMIT

def greeting(name: str) -> str:
    return "hello " + name

def never_called() -> int:
    return 7
"""
TESTS = """
from toy.limits import greeting, is_allowed

def test_limit_is_allowed_and_more_is_not():
    assert is_allowed(3)
    assert not is_allowed(4)

def test_greeting_is_called():
    greeting("ada")
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A package with a module that ends like a test's, for pytest imports such modules in its own way."""
    for name, text in (
        ("src/toy/__init__.py", ""),
        ("src/toy/limits.py", CODE),
        ("tests/test_limits.py", TESTS),
        ("pyproject.toml", "[tool.pytest.ini_options]\n"),
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Project(tmp_path, tmp_path / "src", ("tests",), seeds=0)


def judged(project: Project) -> dict[str, Judged]:
    """Return the result for each mutant, by what it became."""
    sources = Sources(project.source_root, ("toy",))
    line_map = LineMap.made(project, sources, 2, project.root / "lines.json", "tree")
    mutants = sources.sample(1, 100)
    found = Court(project, sources, line_map, "tree").judge_all(mutants, 2)
    by_id = {each.id: each for each in found}
    return {each.mutation.after: by_id[each.id] for each in mutants}


def test_mutant_is_killed_by_a_test_that_asserts_what_it_breaks(project: Project) -> None:
    found = judged(project)
    noticed = "tests/test_limits.py::test_limit_is_allowed_and_more_is_not"
    for after in ("return number < LIMIT", "return not number <= LIMIT", "LIMIT = 4", "LIMIT = 2"):
        assert (found[after].judge, found[after].by) == ("unit tests", noticed)
    assert not found["return ''"].is_killed
    assert not found["return 8"].is_killed
    assert found["return 'hello ' - name"].by == "tests/test_limits.py::test_greeting_is_called"


def test_module_whose_name_ends_like_a_tests_is_mutated(project: Project) -> None:
    (project.source_root / "toy" / "limits.py").rename(project.source_root / "toy" / "limits_test.py")
    tests = project.root / "tests" / "test_limits.py"
    tests.write_text(TESTS.replace("toy.limits", "toy.limits_test"))
    assert judged(project)["LIMIT = 4"].is_killed


def test_code_that_fails_without_a_mutation_is_not_judged(project: Project) -> None:
    (project.root / "tests" / "test_limits.py").write_text(TESTS.replace("is_allowed(3)", "is_allowed(5)"))
    with pytest.raises(ControlFailed, match="the code without a mutation fails"):
        judged(project)


def test_map_of_another_tree_is_made_again(project: Project) -> None:
    sources = Sources(project.source_root, ("toy",))
    kept = project.root / "lines.json"
    LineMap.made(project, sources, 2, kept, "tree")
    assert LineMap.read(kept, "tree") is not None
    assert LineMap.read(kept, "other tree") is None
    assert LineMap.read(project.root / "none.json", "tree") is None


def loop() -> dict[str, str]:
    while True:
        pass


def sleep() -> dict[str, str]:
    time.sleep(60)
    return {}


def test_work_that_never_ends_is_killed() -> None:
    with pytest.raises(Died, match=TIME_LIMIT):
        run_isolated(loop, cpu_seconds=0.5)


def test_work_that_waits_for_ever_is_killed() -> None:
    with pytest.raises(Died, match=TIME_LIMIT):
        run_isolated(sleep, cpu_seconds=0.2)


def test_work_ends_with_the_process_that_waits_for_it(tmp_path: Path) -> None:
    noted = tmp_path / "pid"
    script = (
        "import os, pathlib, time; from tools.mutants.isolation import run_isolated;"
        f"run_isolated(lambda: (pathlib.Path({str(noted)!r}).write_text(str(os.getpid())), time.sleep(60)), 100)"
    )
    waiting = subprocess.Popen([sys.executable, "-c", script], cwd=Path(__file__).resolve().parents[3])
    until(lambda: noted.exists() and noted.read_text())
    work = psutil.Process(int(noted.read_text()))
    waiting.kill()
    waiting.wait()
    until(lambda: not work.is_running())


def test_error_of_the_work_itself_is_no_death() -> None:
    with pytest.raises(WorkFailed, match="ZeroDivisionError"):
        run_isolated(lambda: {"answer": 1 / 0}, cpu_seconds=5)


def test_imported_module_is_not_replaced() -> None:
    with pytest.raises(RuntimeError, match="json is imported already"):
        replace_module("json", Path("json.py"), compile("", "json.py", "exec"))


def test_each_accepted_survivor_is_still_a_mutant_and_has_a_reason() -> None:
    sources = Sources(SOURCE_ROOT, FOLDERS)
    for accepted in tomllib.loads(REASONS.read_text())["survivor"]:
        mutants = {each.id for each in sources.mutants(sources.modules[accepted["module"]])}
        assert accepted["id"] in mutants, f"{accepted['id']} is no mutant of {accepted['module']} any more: delete it"
        assert accepted["reason"]
    assert len(read_reasons(REASONS)) == REASONS.read_text().count("[[survivor]]")

"""A long run in pieces has the results of one run, and does not go on with other sources."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.__main__ import SOURCES
from tests.simulation.many import CHUNK, Summary, go_on, run_many
from tests.support.resumable import REPOSITORY, UNFINISHED, Budget, OtherRun, opened


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A repository of one source."""
    source = tmp_path / "repository" / "code" / "module.py"
    source.parent.mkdir(parents=True)
    source.write_text("a = 1\n")
    return tmp_path / "repository"


def piece(file: Path, root: Path, seeds: int, budget: Budget) -> Summary:
    """Run one piece in this process; return its summary."""
    with opened(file, ("code",), {"first": 7}, root) as state:
        summary = Summary.from_plain(state.kept) if state.kept else Summary(7)
        go_on(summary, seeds, 1, budget, save=lambda: state.save(summary.plain()))
    return summary


def test_pieces_have_the_results_of_one_run(tmp_path: Path, sources: Path) -> None:
    file, seeds = tmp_path / "state.json", CHUNK + 20
    spent = Budget(0.0)
    first = piece(file, sources, seeds, spent)
    assert first.seeds == CHUNK  # a budget ends a piece after a whole chunk
    last = piece(file, sources, seeds, Budget())
    whole = run_many(7, seeds, cores=1)
    times = {"seconds", "processor_seconds"}
    assert {n: v for n, v in last.plain().items() if n not in times} == {
        n: v for n, v in whole.plain().items() if n not in times
    }
    assert last.processor_seconds > first.processor_seconds > 0
    assert piece(file, sources, seeds, Budget()).plain() == last.plain()


def test_other_sources_are_refused(tmp_path: Path, sources: Path) -> None:
    file = tmp_path / "state.json"
    piece(file, sources, 1, Budget())
    (sources / "code" / "module.py").write_text("a = 2\n")
    with pytest.raises(OtherRun, match=r"tree .* delete .*state\.json to start from the beginning"):
        piece(file, sources, 2, Budget())
    (sources / "code" / "module.py").write_text("a = 1\n")
    (sources / "code" / "another.py").write_text("")
    with pytest.raises(OtherRun, match="tree"):
        piece(file, sources, 2, Budget())


def test_other_options_are_refused(tmp_path: Path, sources: Path) -> None:
    with opened(tmp_path / "state.json", ("code",), {"first": 1}, sources) as state:
        state.save({})
    with (
        pytest.raises(OtherRun, match="options"),
        opened(tmp_path / "state.json", ("code",), {"first": 2}, sources),
    ):
        pass


def test_two_runs_at_once_are_refused(tmp_path: Path, sources: Path) -> None:
    with (
        opened(tmp_path / "state.json", ("code",), {}, sources),
        pytest.raises(OtherRun, match="in use"),
        opened(tmp_path / "state.json", ("code",), {}, sources),
    ):
        pass


def test_kill_while_the_state_is_written_leaves_the_state_before(tmp_path: Path, sources: Path) -> None:
    file = tmp_path / "state.json"
    before = piece(file, sources, 1, Budget())
    file.with_suffix(".new").write_text('{"origin": {"tr')
    assert piece(file, sources, 1, Budget()).plain() == before.plain()


def test_every_module_of_a_run_is_among_the_sources() -> None:
    """A module that the run imports, and the tree's hash leaves out, could change between two pieces."""
    code = "import sys, tests.simulation.run; print(*(getattr(m, '__file__', '') for m in sys.modules.values()))"
    path = os.pathsep.join((str(REPOSITORY), str(REPOSITORY / "layers" / "core" / "python")))
    found = subprocess.run(
        [sys.executable, "-c", code],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    here = {Path(each) for each in found.stdout.split() if each.startswith(f"{REPOSITORY}{os.sep}")}
    own = {each.relative_to(REPOSITORY) for each in here if ".venv" not in each.parts}
    assert len(own) > 50
    assert not [each for each in own if each.name != "__init__.py" and not any(map(each.is_relative_to, SOURCES))]


def test_signal_that_also_kills_the_workers_ends_a_piece(tmp_path: Path) -> None:
    """A killed worker's seeds never come back, and the run must not wait for them."""
    path = os.pathsep.join((str(REPOSITORY), str(REPOSITORY / "layers" / "core" / "python")))
    command = [sys.executable, "-m", "tests.simulation", "--seeds", "100000", "--cores", "2"]
    run = subprocess.Popen(
        [*command, "--state", str(tmp_path / "state.json")],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert run.stdout is not None
    run.stdout.readline()  # the first progress: the workers are busy
    os.killpg(run.pid, signal.SIGTERM)
    output, _ = run.communicate(timeout=60)
    assert run.returncode == UNFINISHED
    assert "the same command goes on" in output

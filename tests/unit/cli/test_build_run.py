"""`build --again` follows what staging wants, and `build --head` starts the run of a push that started none."""

from dataclasses import replace
from pathlib import Path

import pytest

from apps.cli.ports import Run
from apps.cli.repository_head import Head, parse_head
from apps.local.git.repositories import commit_all, git
from lifecycle.domain.delivery.branch import NOTHING, Move
from lifecycle.domain.errors import Refused
from tests.unit.cli.conftest import Desk

GOOD, BAD = "a" * 40, "b" * 40
REPOSITORY = "https://example.test/hello.git"


def run(desk: Desk, commit: str, status: str = "SUCCEEDED") -> str:
    name = f"hello-{commit}"
    given = {"repository": REPOSITORY, "name": "hello", "commit": commit, "branch": "main", "delivery": commit[:1]}
    desk.runs.pushes = {name: Run(name, status, desk.machine.now, input=given), **desk.runs.pushes}
    return name


def pushed(desk: Desk, *commits: str) -> None:
    for before, after in zip((NOTHING, *commits), commits, strict=False):
        move = Move(before, after, f"{len(desk.runs.pushes)}-{before}-{after}", desk.machine.now)
        _record(desk, move)
        desk.machine.memory.clock.sleep(1)


def _record(desk: Desk, move: Move) -> None:
    desk.connection.catalogue.change_branch(REPOSITORY, "main", lambda branch: branch.moved(move))


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a repository with one commit on the branch `trunk`."""
    folder = tmp_path / "hello"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=trunk")
    (folder / "file").write_text("a change")
    commit_all(folder, "A change")
    return folder


def test_build_of_a_repository_is_repeated_for_the_head_and_not_for_the_newest_run(desk: Desk) -> None:
    """Case 04: the branch was forced back to `good`, and the newest run is that of `bad`."""
    good, _ = run(desk, GOOD), run(desk, BAD)
    pushed(desk, GOOD, BAD, GOOD)
    again = desk.facts("build --again hello")
    assert (again["again"], again["input"]["commit"]) == (good, GOOD)
    assert "again" not in again["input"]


def test_build_of_a_named_run_is_repeated_although_staging_does_not_want_it(desk: Desk) -> None:
    run(desk, GOOD)
    bad = run(desk, BAD)
    pushed(desk, GOOD, BAD, GOOD)
    done = desk.type(f"build --again {bad}")
    assert "bbbbbbb is no longer the head of main: aaaaaaa is, so an automatic staging" in done.stdout
    assert desk.executions.deliveries[f"{bad}_2"]["again"] is True


def test_build_of_a_refused_snapshot_is_repeated_as_what_a_person_wants(desk: Desk) -> None:
    """Its service may have been moved to another folder."""
    name = run(desk, GOOD, "FAILED")
    desk.runs.pushes[name] = replace(desk.runs.pushes[name], error="SnapshotRefused")
    assert desk.facts(f"build --again {name}")["input"]["again"] is True


def test_build_of_a_repository_whose_head_has_no_run_says_how_to_start_it(desk: Desk) -> None:
    run(desk, GOOD)
    pushed(desk, GOOD, BAD)
    done = desk.type("build --again hello")
    assert (done.exit_code, "lifecycle build --head hello" in done.output) == (1, True)
    assert desk.executions.deliveries == {}


def test_head_of_a_repository_gets_its_run(desk: Desk, repository: Path) -> None:
    commit = git(repository, "rev-parse", "HEAD").strip()
    facts = desk.facts(f"build --head {repository}")
    assert (facts["run"], facts["started"], facts["commit"]) == (f"hello-{commit}", True, commit)
    (given,) = desk.executions.deliveries.values()
    assert (given["branch"], given["commit"], given["head_read"][:4]) == ("trunk", commit, "2026")


def test_head_whose_run_goes_on_is_left_to_it(desk: Desk, repository: Path) -> None:
    desk.type(f"build --push {repository}")
    commit = git(repository, "rev-parse", "HEAD").strip()
    desk.connection.catalogue.change_branch(
        str(repository), "trunk", lambda branch: branch.read(commit, desk.machine.now)
    )
    done = desk.type(f"build --push {repository}")
    assert (done.exit_code, "it has a run already" in done.stdout) == (0, True)
    assert len(desk.executions.deliveries) == 1


def test_head_that_was_built_is_deployed_again(desk: Desk, repository: Path) -> None:
    first = desk.facts(f"build --head {repository}")["run"]
    desk.executions.outputs[first] = {"service": "hello", "version": "1.0.0-20261123100000-aaaaaaa"}
    again = desk.facts(f"build --head {repository}")["run"]
    assert again == f"{first}_2"
    assert desk.executions.deliveries[again]["version"] == "1.0.0-20261123100000-aaaaaaa"


def test_repository_of_a_service_is_that_of_its_last_run(desk: Desk, repository: Path) -> None:
    given = {"repository": str(repository), "name": "hello"}
    desk.runs.pushes[f"hello-{GOOD}"] = Run(f"hello-{GOOD}", "FAILED", desk.machine.now, input=given)
    assert desk.facts("build --head hello")["started"] is True


def test_service_that_was_never_built_needs_the_url(desk: Desk) -> None:
    done = desk.type("build --head never-built")
    assert (done.exit_code, "build --head URL" in done.output) == (1, True)


def test_repository_that_does_not_answer_is_refused_in_gits_words(desk: Desk, tmp_path: Path) -> None:
    done = desk.type(f"build --head {tmp_path / 'nothing'}")
    assert (done.exit_code, "git could not read it" in done.output) == (1, True)


def test_both_options_at_once_are_refused(desk: Desk) -> None:
    assert desk.type("build --head a/b --again hello").exit_code == 1


def test_head_is_read_from_gits_answer() -> None:
    text = f"ref: refs/heads/release/2\tHEAD\n{GOOD}\tHEAD\n"
    assert parse_head(text, "it") == Head("release/2", GOOD)
    with pytest.raises(Refused, match="push one"):
        parse_head("", "it")

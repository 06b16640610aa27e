"""The commits of a clone, as a build puts them into the manifest."""

import subprocess
from pathlib import Path

import pytest

from apps.build.history import MOST_BYTES, read_history
from lifecycle.domain.service.commits import MOST_COMMITS, SUBJECT_LENGTH
from lifecycle.gateways.serialization import to_json


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.test")
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    git(tmp_path, "init", "--quiet", "--initial-branch", "main")
    return tmp_path


def commit(folder: Path, subject: str) -> str:
    git(folder, "commit", "--quiet", "--allow-empty", "--allow-empty-message", "--cleanup=verbatim", "-m", subject)
    return git(folder, "rev-parse", "HEAD")


def test_newest_commits_are_read_with_author_time_and_parents(clone: Path) -> None:
    first, second = commit(clone, "First"), commit(clone, "Second\n\nBody")
    found = read_history(clone)
    assert found is not None
    assert [(each.hash, each.subject, each.author) for each in found.commits] == [
        (second[:12], "Second", "Ada"),
        (first[:12], "First", "Ada"),
    ]
    assert found.commits[0].parents == (first[:12],)
    assert found.commits[0].at is not None
    assert (found.total, found.is_whole) == (2, True)


def test_folder_without_commits_has_no_history(clone: Path, tmp_path: Path) -> None:
    assert read_history(clone) is None


def test_texts_are_cut_and_hold_nothing_that_a_terminal_obeys(clone: Path) -> None:
    commit(clone, "\x1b[31mred\u202e " + "x" * 500)
    commit(clone, "")
    found = read_history(clone)
    assert found is not None
    assert found.commits[0].subject == ""
    text = found.commits[1].subject
    assert len(text) == SUBJECT_LENGTH
    assert text.startswith("?[31mred? x")


def test_at_most_a_hundred_commits_and_some_bytes_are_kept(clone: Path) -> None:
    for number in range(MOST_COMMITS + 5):
        commit(clone, f"{number} " + "\u00e9" * 200)
    found = read_history(clone)
    assert found is not None
    assert found.total == MOST_COMMITS + 5
    assert 20 < len(found.commits) <= MOST_COMMITS
    assert len(to_json(found)) <= MOST_BYTES


def test_shallow_clone_does_not_know_the_number_of_its_commits(
    clone: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    commit(clone, "First")
    commit(clone, "Second")
    shallow = tmp_path_factory.mktemp("shallow")
    git(shallow, "clone", "--quiet", "--depth", "1", clone.as_uri(), ".")
    found = read_history(shallow)
    assert found is not None
    assert (len(found.commits), found.total) == (1, 0)

"""A build is of a commit that is on the branch that was pushed."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from apps.build.errors import BuildFailed
from apps.build.request import Request, check_branch
from tests.integration.build.conftest import git


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    """Return a repository with two commits on main, and one more on a branch that was never merged."""
    folder = tmp_path / "origin"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    for name in ("first", "second"):
        git(folder, "commit", "--quiet", "--allow-empty", f"--message={name}")
    git(folder, "switch", "--quiet", "--create", "feature")
    git(folder, "commit", "--quiet", "--allow-empty", "--message=unreviewed")
    git(folder, "switch", "--quiet", "main")
    return folder


def cloned(origin: Path, commit: str) -> Path:
    """Return a clone as a build has it: the commit is checked out, and no local branch of that name exists."""
    folder = origin.with_name("clone")
    subprocess.run(["git", "clone", "--quiet", "--no-checkout", origin, folder], check=True)
    git(folder, "checkout", "--quiet", "--detach", commit)
    return folder


def request(commit: str, branch: str = "main") -> Request:
    return Request("https://example.test/acme/hello.git", commit, branch, datetime(2026, 11, 23, tzinfo=UTC), "b:1")


def commit_of(origin: Path, name: str) -> str:
    return git(origin, "rev-parse", name)


@pytest.mark.parametrize("name", ["main", "main~1"])
def test_head_of_the_branch_and_its_ancestors_are_built(origin: Path, name: str) -> None:
    commit = commit_of(origin, name)
    check_branch(cloned(origin, commit), request(commit))


def test_commit_of_another_branch_is_refused(origin: Path) -> None:
    commit = commit_of(origin, "feature")
    with pytest.raises(BuildFailed, match=f"expected commit {commit} to be on the branch main .* is not"):
        check_branch(cloned(origin, commit), request(commit))
    check_branch(origin.with_name("clone"), request(commit, "feature"))


def test_commit_that_was_pushed_away_is_refused(origin: Path) -> None:
    commit = commit_of(origin, "main")
    git(origin, "branch", "kept", commit)  # GitHub keeps such a commit, too
    git(origin, "reset", "--quiet", "--hard", "HEAD~1")
    with pytest.raises(BuildFailed, match="if the branch was pushed with force"):
        check_branch(cloned(origin, commit), request(commit))


@pytest.mark.parametrize("branch", ["gone", "HEAD~0", "ma"])
def test_branch_that_the_clone_does_not_have_is_refused(origin: Path, branch: str) -> None:
    commit = commit_of(origin, "main")
    with pytest.raises(BuildFailed, match=f"expected the branch {branch} in the clone"):
        check_branch(cloned(origin, commit), request(commit, branch))


def test_tag_of_the_branchs_name_is_no_branch(origin: Path) -> None:
    commit = commit_of(origin, "feature")
    git(origin, "tag", "main", commit)
    folder = cloned(origin, commit)
    with pytest.raises(BuildFailed, match="to be on the branch main"):
        check_branch(folder, request(commit))


def test_folder_without_git_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BuildFailed, match="expected the branch main"):
        check_branch(tmp_path, request("a" * 40))

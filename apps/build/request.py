"""The build's request: repository, commit, branch, time and builder, from the environment or a worktree.

Called by main as the first step of the build. The request becomes part of the manifest and of the snapshot's name.
"""

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from apps.build.errors import BuildFailed
from lifecycle.ambient import git_environment

_COMMIT = re.compile(r"[0-9a-f]{40}")
_NO_COMMIT = "0" * 40


@dataclass(frozen=True, slots=True)
class Request:
    """One build; `built_at` has a time zone."""

    repository: str
    commit: str
    branch: str
    built_at: datetime
    builder: str


def from_environment(environ: Mapping[str, str]) -> Request:
    """Return the build that the delivery requested; raise BuildFailed with the variable that is invalid."""
    commit = _required(environ, "LIFECYCLE_COMMIT")
    if not _COMMIT.fullmatch(commit):
        raise BuildFailed(f"LIFECYCLE_COMMIT: expected 40 hexadecimal digits in lower case, found {commit!r:.60}")
    return Request(
        repository=_without_credentials(_required(environ, "LIFECYCLE_REPOSITORY")),
        commit=commit,
        branch=_required(environ, "LIFECYCLE_BRANCH"),
        built_at=_utc_time(_required(environ, "LIFECYCLE_BUILT_AT")),
        builder=_required(environ, "CODEBUILD_BUILD_ID"),
    )


def from_worktree(folder: Path, environ: Mapping[str, str], now: datetime) -> Request:
    """Return a developer's own build: Git's facts about the folder, overridden by the environment."""
    commit = head_commit(folder) or _NO_COMMIT
    known = {
        "LIFECYCLE_COMMIT": commit,
        "LIFECYCLE_REPOSITORY": git(folder, "remote", "get-url", "origin") or str(folder.resolve()),
        "LIFECYCLE_BRANCH": git(folder, "branch", "--show-current") or "none",
        "LIFECYCLE_BUILT_AT": now.isoformat(),
        "CODEBUILD_BUILD_ID": "local",
    }
    return from_environment({**known, **{name: environ[name] for name in known if environ.get(name)}})


def check_clone(folder: Path, request: Request) -> None:
    """Raise BuildFailed when the clone is at another commit than the request."""
    found = head_commit(folder) if (folder / ".git").exists() else None
    if found and found != request.commit:
        raise BuildFailed(f"expected a clone of commit {request.commit}, found {found}; start the build again")


def check_branch(folder: Path, request: Request) -> None:
    """Raise BuildFailed unless the requested commit is on the branch that was pushed, as the clone knows it now."""
    branch = f"refs/remotes/origin/{request.branch}"
    if git(folder, "show-ref", "--verify", "--quiet", branch) is None:  # a clone may have the commit alone
        git(folder, "fetch", "--quiet", "--no-tags", "origin", f"+refs/heads/{request.branch}:{branch}")
    if git(folder, "show-ref", "--verify", "--quiet", branch) is None:
        raise BuildFailed(
            f"expected the branch {request.branch} in the clone of {request.repository}, found none; "
            "if it was deleted or renamed, push the new branch"
        )
    if git(folder, "merge-base", "--is-ancestor", request.commit, branch) is None:
        raise BuildFailed(
            f"expected commit {request.commit} to be on the branch {request.branch} of {request.repository}, "
            "found that it is not; if the branch was pushed with force, its new head has a run of its own"
        )


def head_commit(folder: Path) -> str | None:
    """Return the commit that is checked out in the folder; None outside of a Git repository."""
    return git(folder, "rev-parse", "--verify", "--quiet", "HEAD")


def git(folder: Path, *arguments: str) -> str | None:
    """Return a Git command's output without its last newline; None when it fails or Git is not installed."""
    command = ["git", "-C", str(folder), "-c", "safe.directory=*", *arguments]
    try:
        done = subprocess.run(command, env=git_environment(os.environ), capture_output=True, check=False)
    except FileNotFoundError:
        return None
    return os.fsdecode(done.stdout).rstrip("\n") if done.returncode == 0 else None


def _required(environ: Mapping[str, str], name: str) -> str:
    if not (value := environ.get(name, "").strip()):
        raise BuildFailed(
            f"expected the environment variable {name}, found none; set it, or build with --no-publish --dest FOLDER"
        )
    return value


def _utc_time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
        time = (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise BuildFailed(f"LIFECYCLE_BUILT_AT: expected an ISO 8601 time, found {text!r:.60}") from error
    if time.year < 1980:
        raise BuildFailed(f"LIFECYCLE_BUILT_AT: expected a time in 1980 or later, found {text!r:.60}")
    return time


def _without_credentials(url: str) -> str:
    return re.sub(r"(?<=://)[^/@]*@", "", url)

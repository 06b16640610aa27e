"""A clean clone of a developer's repository, so that a build at a desk is that of a push.

Called by main. Neither ignored files nor uncommitted changes reach the artifact, which bears the commit's name.
"""

import os
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from apps.build.errors import BuildFailed
from apps.build.request import git, head_commit
from lifecycle.ambient import git_environment

_NAMED = 5
# Git takes the settings of `git -c` away from the process that reads a repository beside it, so that one, too, would
# refuse a repository of another owner. A shell reads this value.
_UPLOAD_PACK = "--upload-pack=git -c 'safe.directory=*' upload-pack"


@contextmanager
def clean_clone(folder: Path) -> Iterator[Path]:
    """Yield the folder in a clean clone of its repository at its commit, or itself outside of Git.

    Raises BuildFailed for a folder that the commit does not have, and for a repository without all of the commit.
    """
    top = git(folder, "rev-parse", "--show-toplevel")
    if top is None:
        yield folder
        return
    commit, inside = head_commit(folder), folder.resolve().relative_to(Path(top).resolve())
    if commit is not None:
        _refuse_partial(top, commit)
    if commit is None or git(folder, "cat-file", "-e", "HEAD:./") is None:
        raise BuildFailed(f"expected {folder} in a commit, found none that has it; commit it with `git commit`")
    with TemporaryDirectory(prefix="lifecycle-build-") as temporary:
        clone = Path(temporary) / "src"
        _run("clone", "--quiet", "--no-checkout", _UPLOAD_PACK, "--", top, str(clone))
        _run("-C", str(clone), "checkout", "--quiet", "--detach", commit)
        if absent := git(clone, "ls-files", "-z", "--deleted"):  # Git only prints that it cannot write a file
            names = ", ".join(absent.rstrip("\0").split("\0")[:_NAMED])
            raise BuildFailed(f"expected all files of the commit in its clone, found none of these: {names}")
        if origin := git(folder, "remote", "get-url", "origin"):
            # The manifest names it, and the addresses of submodules may be relative to it.
            _run("-C", str(clone), "remote", "set-url", "origin", origin)
        yield clone / inside


def _refuse_partial(top: str, commit: str) -> None:
    """Raise BuildFailed for a clone that would fetch a part of the commit later, or has lost it."""
    listed = git(Path(top), "rev-list", "--objects", "--no-walk", "--missing=print", commit)
    if listed is None or (missing := sum(line.startswith("?") for line in listed.splitlines())):
        found = "that some are missing" if listed is None else f"that {missing} are missing"
        raise BuildFailed(
            f"expected all files of commit {commit[:7]} in {top}, found {found}, as in a partial clone; fetch them, "
            f"then build again: git -C {shlex.quote(top)} fetch --refetch --no-filter"
        )


def uncommitted(folder: Path, into: Path) -> list[str]:
    """Return the changed and the new files of the folder, which a push would not build; `into` has no such files."""
    others = [f":(exclude){into.relative_to(folder)}"] if into != folder and into.is_relative_to(folder) else []
    listed = git(folder, "status", "--porcelain", "-z", "--no-renames", "--", ".", *others) or ""
    return [entry[3:] for entry in listed.split("\0") if entry]


def not_built(changes: list[str]) -> str:
    """Return the line of the log about uncommitted changes."""
    more = f" and {len(changes) - _NAMED} more" if len(changes) > _NAMED else ""
    return f"not committed, so not built: {', '.join(changes[:_NAMED])}{more}"


def _run(*arguments: str) -> None:
    command = ["git", "-c", "safe.directory=*", "-c", "core.hooksPath=/dev/null", *arguments]
    done = subprocess.run(command, env=git_environment(os.environ), capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildFailed(f"expected a clone of the repository, found: {done.stderr.strip()[-1000:]}")

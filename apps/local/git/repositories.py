"""Phase 1 on a laptop: bare repositories whose post-receive hook delivers GitHub's signed push event.

`clusters.add_service` calls `adopt`; the hook is apps/local/git/post_receive_hook.py.
"""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from apps.local.errors import LaptopError
from apps.local.paths import REPOSITORY, Layout, read_json, write_json

REMOTE = "lifecycle"
BRANCH = "main"
_MADE_AGAIN = shutil.ignore_patterns(
    ".git", "__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".venv", "node_modules"
)


def adopt(layout: Layout, service: str, path: Path) -> Path:
    """Give a service its bare repository; answers the working copy to push from, its remote named `lifecycle`.

    A folder that is not the root of a Git repository is copied to `.lifecycle/work/<service>` and committed
    there; an existing copy is kept as it is, with whatever was changed in it. Raises LaptopError for a service
    that is known from another folder, and where no branch with a commit is checked out.
    """
    origin = _origin(layout, service, path)
    copy = path if (path / ".git").exists() else _working_copy(layout, service, path)
    branch = _branch(copy)
    known = read_json(layout.services, {})
    write_json(layout.services, {**known, service: {"path": origin, "copy": str(copy)}})
    bare = _bare_repository(layout, service)
    remotes = git(copy, "remote").split()
    git(copy, "remote", *(("set-url",) if REMOTE in remotes else ("add",)), REMOTE, str(bare))
    # The bare repository's default branch is the one that is pushed, whatever it is called.
    git(bare, "symbolic-ref", "HEAD", f"refs/heads/{branch}")
    return copy


def commit_all(copy: Path, message: str) -> str:
    """Commit everything in a working copy, in the user's name or in Lifecycle's; answers the commit."""
    git(copy, "add", "--all")
    if git(copy, "status", "--porcelain").strip():
        git(copy, *_identity(copy), "commit", "--quiet", "--message", message)
    return git(copy, "rev-parse", "HEAD").strip()


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder; raises LaptopError with what git said."""
    # A hook's GIT_DIR must not decide which repository this is about.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments],
        capture_output=True,
        # A commit's author and message are bytes, in whatever encoding.
        encoding="utf-8",
        errors="replace",
        env=environment,
        check=False,
    )
    if done.returncode != 0:
        raise LaptopError(
            f"git {arguments[0]} failed in {folder}: {done.stderr.strip() or done.stdout.strip()}"
        )
    return done.stdout


def _origin(layout: Layout, service: str, path: Path) -> str:
    """The folder that the service is known from, this one if it is new; raises LaptopError if that is another."""
    known = read_json(layout.services, {}).get(service)
    if known is None:
        return str(path)
    if str(path) in known.values():
        return str(known["path"])
    if not Path(known["path"]).exists():  # it was moved, and this is where to
        return str(path)
    kept = [str(each) for each in (_bare(layout, service), layout.work / service) if each.exists()]
    if not kept:
        return str(path)
    raise LaptopError(
        f"expected one folder a service, found {service} in {path}, while it is known from {known['path']}; give one "
        "of the two another name in its lifecycle.toml. Or, to have this one instead, end the environment "
        f"(lifecycle local down) and move away {' and '.join(kept)}"
    )


def _branch(copy: Path) -> str:
    """The branch that is checked out; raises LaptopError where there is none, or nothing on it to push."""
    branch = git(copy, "branch", "--show-current").rstrip("\n")
    if not branch:
        raise LaptopError(
            f"expected a branch to be checked out in {copy}, found a detached HEAD; check one out, then add again: "
            f"git -C {copy} switch BRANCH (or switch --create BRANCH)"
        )
    if not git(copy, "for-each-ref", f"refs/heads/{branch}"):
        raise LaptopError(
            f"expected a commit on {branch} in {copy}, found none; make one, then add again: "
            f"git -C {copy} add --all && git -C {copy} commit"
        )
    return branch


def _bare(layout: Layout, service: str) -> Path:
    return layout.repositories / f"{service}.git"


def _bare_repository(layout: Layout, service: str) -> Path:
    bare = _bare(layout, service)
    if not (bare / "HEAD").exists():
        bare.parent.mkdir(parents=True, exist_ok=True)
        git(bare.parent, "init", "--quiet", "--bare", f"--initial-branch={BRANCH}", str(bare))
    hook = bare / "hooks" / "post-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(
        "#!/bin/sh\n"
        "# Tells Lifecycle of a push, as GitHub's webhook would.\n"
        f"LIFECYCLE_HOME={shlex.quote(str(layout.home))} PYTHONPATH={shlex.quote(str(REPOSITORY))} "
        f"exec {shlex.quote(sys.executable)} -m apps.local.git.post_receive_hook\n"
    )
    hook.chmod(0o755)
    return bare


def _working_copy(layout: Layout, service: str, path: Path) -> Path:
    copy = layout.work / service
    if (copy / ".git").exists():
        return copy
    if copy.exists():
        raise LaptopError(
            f"expected a Git repository or nothing in {copy}, found a folder without .git; move it away, "
            "then add again"
        )
    unfinished = layout.work / ".unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    shutil.copytree(path, unfinished, symlinks=True, ignore=_not_copied(layout.home))
    git(unfinished, "init", "--quiet", f"--initial-branch={BRANCH}")
    # So that a bare `git push` goes to Lifecycle.
    git(unfinished, "config", "remote.pushDefault", REMOTE)
    git(unfinished, "config", "push.default", "current")
    commit_all(unfinished, f"{service} as it came")
    return unfinished.rename(copy)


def _not_copied(home: Path) -> Callable[[str, list[str]], set[str]]:
    """For copytree: not what others make again, and not the environment itself, which may be in the folder."""

    def ignored(folder: str, names: list[str]) -> set[str]:
        return _MADE_AGAIN(folder, names) | ({home.name} if Path(folder) == home.parent else set())

    return ignored


def _identity(copy: Path) -> tuple[str, ...]:
    try:
        git(copy, "var", "GIT_COMMITTER_IDENT")
    except LaptopError:
        return ("-c", "user.name=Lifecycle", "-c", "user.email=lifecycle@localhost")
    return ()

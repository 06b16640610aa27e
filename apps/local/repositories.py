"""Phase 1 on a laptop: bare repositories whose post-receive hook delivers GitHub's signed push event.

`clusters.add_service` calls `adopt`; the hook is apps/local/hook.py.
"""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from apps.local.errors import LaptopError
from apps.local.layout import REPOSITORY, Layout

REMOTE = "lifecycle"
BRANCH = "main"
_NOT_COPIED = shutil.ignore_patterns(
    ".git", "__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".venv", "node_modules"
)


def adopt(layout: Layout, service: str, path: Path) -> Path:
    """Give a service its bare repository; answers the working copy to push from, its remote named `lifecycle`.

    A folder that is not the root of a Git repository is copied to `.lifecycle/work/<service>` and committed
    there; an existing copy is kept as it is, with whatever was changed in it.
    """
    bare = _bare_repository(layout, service)
    copy = path if (path / ".git").exists() else _working_copy(layout, service, path)
    remotes = git(copy, "remote").split()
    git(copy, "remote", *(("set-url",) if REMOTE in remotes else ("add",)), REMOTE, str(bare))
    # The bare repository's default branch is the one that is pushed, whatever it is called.
    branch = git(copy, "symbolic-ref", "--short", "HEAD").strip()
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
        ["git", "-C", str(folder), *arguments], capture_output=True, text=True, env=environment, check=False
    )
    if done.returncode != 0:
        raise LaptopError(
            f"git {arguments[0]} failed in {folder}: {done.stderr.strip() or done.stdout.strip()}"
        )
    return done.stdout


def _bare_repository(layout: Layout, service: str) -> Path:
    bare = layout.repositories / f"{service}.git"
    if not (bare / "HEAD").exists():
        bare.parent.mkdir(parents=True, exist_ok=True)
        git(bare.parent, "init", "--quiet", "--bare", f"--initial-branch={BRANCH}", str(bare))
    hook = bare / "hooks" / "post-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(
        "#!/bin/sh\n"
        "# Tells Lifecycle of a push, as GitHub's webhook would.\n"
        f"LIFECYCLE_HOME={shlex.quote(str(layout.home))} PYTHONPATH={shlex.quote(str(REPOSITORY))} "
        f"exec {shlex.quote(sys.executable)} -m apps.local.hook\n"
    )
    hook.chmod(0o755)
    return bare


def _working_copy(layout: Layout, service: str, path: Path) -> Path:
    copy = layout.work / service
    if (copy / ".git").exists():
        return copy
    copy.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(path, copy, ignore=_NOT_COPIED, dirs_exist_ok=True)
    git(copy, "init", "--quiet", f"--initial-branch={BRANCH}")
    # So that a bare `git push` goes to Lifecycle.
    git(copy, "config", "remote.pushDefault", REMOTE)
    git(copy, "config", "push.default", "current")
    commit_all(copy, f"{service} as it came")
    return copy


def _identity(copy: Path) -> tuple[str, ...]:
    try:
        git(copy, "var", "GIT_COMMITTER_IDENT")
    except LaptopError:
        return ("-c", "user.name=Lifecycle", "-c", "user.email=lifecycle@localhost")
    return ()

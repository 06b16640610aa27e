"""Bare repositories whose post-receive hook (post_receive_hook.py) delivers GitHub's signed push event.

Called by services/clusters.py when a service is added.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

from apps.local.errors import LaptopError
from apps.local.own_files import read_json
from apps.local.paths import PYTHONPATH, Layout, write_json
from lifecycle.ambient import INHERITED, git_environment

REMOTE = "lifecycle"
_HOOK = "apps.local.git.post_receive_hook"
BRANCH = "main"
# A hook or a key of the person's other work has no say in a commit of Lifecycle.
_PLAIN_COMMIT = ("-c", f"core.hooksPath={os.devnull}", "-c", "commit.gpgSign=false")
# What a bare repository refuses, checks and hides is not for a pusher's own settings to say, which Git reads there.
_BARE_SETTINGS = (
    ("core.hooksPath", "hooks"),
    ("receive.denyNonFastForwards", "false"),
    ("receive.denyDeletes", "false"),
    ("receive.denyDeleteCurrent", "refuse"),
    ("receive.fsckObjects", "false"),
    ("receive.maxInputSize", "0"),
    ("receive.keepAlive", "5"),
    ("receive.advertisePushOptions", "true"),  # else a `push.pushOption` of the person ends the push
    ("transfer.hideRefs", "!refs"),
)
GENERATED = shutil.ignore_patterns(
    ".git", "__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".venv", "node_modules"
)


def adopt(layout: Layout, service: str, path: Path) -> Path:
    """Give a service its bare repository; return the working copy to push from, with a remote `lifecycle`.

    A folder that is not the root of a Git repository is copied to `.lifecycle/work/<service>` and committed there.
    An existing copy stays as it is, with its changes. Raises LaptopError if the service was added from another
    folder, or if no branch with a commit is checked out.
    """
    origin = _origin(layout, service, path)
    copy = path if (path / ".git").exists() else _working_copy(layout, service, path)
    return _adopted(layout, {service: origin}, copy, service, shared=False)


def adopt_shared(layout: Layout, root: Path, folders: Mapping[str, str]) -> Path:
    """Give several services, by name with their folders in `root`, one bare repository; return the working copy.

    As in `adopt`, a folder that is no Git repository is copied.
    """
    origins = {service: _origin(layout, service, root / folder) for service, folder in folders.items()}
    copy = root if (root / ".git").exists() else _working_copy(layout, root.name, root)
    return _adopted(layout, origins, copy, root.name, shared=True)


def _adopted(layout: Layout, origins: Mapping[str, str], copy: Path, wanted: str, *, shared: bool) -> Path:
    """Record the services of a working copy, and give it its bare repository, named `wanted` if that is free."""
    branch = _branch(copy)
    _refuse_shallow(copy)
    _refuse_sha256(copy)
    _refuse_foreign_remote(layout, copy)
    known = read_json(layout.services, {})
    others = {service: record for service, record in known.items() if service not in origins}
    name = _repository_of_copy(known, copy) or _free_name(layout, others, wanted)
    records = {
        service: {"path": origin, "copy": str(copy), **({"repository": name} if shared or name != service else {})}
        for service, origin in origins.items()
    }
    write_json(layout.services, {**known, **records})
    bare = _bare_repository(layout, name)
    _set_remote(copy, bare)
    # The bare repository's default branch is the one that is pushed, whatever its name.
    git(bare, "symbolic-ref", "HEAD", f"refs/heads/{branch}")
    return copy


def _repository_of_copy(known: Mapping[str, Any], copy: Path) -> str:
    """Return the name of the bare repository that a working copy has; empty for none."""
    mine = (_repository_of(service, each) for service, each in known.items() if each["copy"] == str(copy))
    return next(mine, "")


def _free_name(layout: Layout, others: Mapping[str, Any], wanted: str) -> str:
    """Return `wanted`, or a name like it, if other services have a bare repository of that name."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", wanted).strip("-.") or "repository"
    names = {_repository_of(service, each) for service, each in others.items()}
    taken = {name for name in names if _bare(layout, name).exists()}
    return next(name for name in _numbered(plain) if name not in taken)


def _numbered(name: str) -> Iterator[str]:
    yield name
    yield from (f"{name}-{number}" for number in count(2))


def _repository_of(service: str, record: Mapping[str, str]) -> str:
    return record.get("repository", service)


def commit_all(copy: Path, message: str) -> str:
    """Commit everything in a working copy, in the user's name or in Lifecycle's; return the commit."""
    git(copy, "add", "--all")
    if git(copy, "status", "--porcelain").strip():
        git(copy, *_identity(copy), *_PLAIN_COMMIT, "commit", "--quiet", "--message", message)
    return git(copy, "rev-parse", "HEAD").strip()


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder and return its output; raise LaptopError with git's message if it fails."""
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments],
        capture_output=True,
        # A commit's author and message are bytes in any encoding.
        encoding="utf-8",
        errors="replace",
        env=git_environment(os.environ),
        check=False,
    )
    if done.returncode != 0:
        raise LaptopError(f"git {arguments[0]} failed in {folder}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def _origin(layout: Layout, service: str, path: Path) -> str:
    """Return the folder that the service was added from; raise LaptopError if that is not this one."""
    known = read_json(layout.services, {}).get(service)
    if known is None:
        return str(path)
    inside = "repository" in known and path.is_relative_to(known["copy"])
    if inside or str(path) in (known["path"], known["copy"]):
        return str(known["path"])
    if not Path(known["path"]).exists():  # the folder was moved to here
        return str(path)
    name = _repository_of(service, known)
    left = [str(each) for each in (_bare(layout, name), layout.work / name) if each.exists()]
    if not left:
        return str(path)
    raise LaptopError(
        f"expected one folder for each service, found {service} in {path}, while it is known from {known['path']}; "
        "give one of the two another name in its lifecycle.toml. To use this folder instead, end the environment "
        f"(lifecycle local down) and move away {' and '.join(left)}"
    )


def _branch(copy: Path) -> str:
    """Return the branch that is checked out; raise LaptopError if there is none, or if it has no commit."""
    branch = git(copy, "branch", "--show-current").rstrip("\n")
    if not branch:
        raise LaptopError(
            f"expected a branch to be checked out in {copy}, found a detached HEAD; check one out, then add again: "
            f"{_git_in(copy)} switch BRANCH (or switch --create BRANCH)"
        )
    if not git(copy, "for-each-ref", f"refs/heads/{branch}"):
        raise LaptopError(
            f"expected a commit on {branch} in {copy}, found none; make one, then add again: "
            f"{_git_in(copy)} add --all && {_git_in(copy)} commit"
        )
    return branch


def _refuse_shallow(copy: Path) -> None:
    """Raise LaptopError for a clone without its history: Git refuses a push from it to a new repository."""
    if git(copy, "rev-parse", "--is-shallow-repository").strip() != "true":
        return
    raise LaptopError(
        f"expected the whole history in {copy}, found a shallow clone, which Git cannot push to a new repository; "
        f"fetch the rest, then add again: {_git_in(copy)} fetch --unshallow"
    )


def _refuse_sha256(copy: Path) -> None:
    """Raise LaptopError for a repository with other hashes: Lifecycle names each commit by its SHA-1."""
    if (found := git(copy, "rev-parse", "--show-object-format").strip()) == "sha1":
        return
    new = shlex.quote(f"{copy}-sha1")
    raise LaptopError(
        f"expected a repository with SHA-1 in {copy}, found {found}, which Git cannot push to one with SHA-1; "
        f"copy its history, then add the copy: git init --object-format=sha1 {new} && {_git_in(copy)} fast-export "
        f"--all | git -C {new} fast-import && git -C {new} checkout {shlex.quote(_branch(copy))}"
    )


def _refuse_foreign_remote(layout: Layout, copy: Path) -> None:
    """Raise LaptopError if the remote `lifecycle` is somebody's own: it would no longer lead where it did."""
    foreign = [
        each for each in (*_urls(copy, "url"), *_urls(copy, "pushurl")) if not _is_bare_of_laptop(layout, each)
    ]
    if foreign:
        raise LaptopError(
            f"expected no remote `{REMOTE}` in {copy}, or one that `lifecycle local add` made, found {foreign[0]}; "
            f"give it another name, then add again: {_git_in(copy)} remote rename {REMOTE} {REMOTE}-2"
        )


def _is_bare_of_laptop(layout: Layout, url: str) -> bool:
    """Return whether an address is a bare repository of this environment or another one, also of one that is gone."""
    path = Path(url)
    hook = path / "hooks" / "post-receive"
    if not path.is_absolute() or path.parent.name != layout.repositories.name or path.suffix != ".git":
        return False
    return not path.exists() or (hook.exists() and _HOOK in hook.read_text(errors="replace"))


def _urls(copy: Path, key: str) -> list[str]:
    """Return the addresses of the remote `lifecycle` in the repository's own settings."""
    listed = git(copy, "config", "--local", "-z", "--list").split("\0")
    pairs = (each.partition("\n") for each in listed)
    return [value for name, _, value in pairs if name == f"remote.{REMOTE}.{key}"]


def _set_remote(copy: Path, bare: Path) -> None:
    """Make the remote `lifecycle` of a working copy lead to its bare repository, for fetches and pushes."""
    if REMOTE not in git(copy, "remote").split():
        git(copy, "remote", "add", REMOTE, str(bare))
    git(copy, "config", "--replace-all", f"remote.{REMOTE}.url", str(bare))
    if _urls(copy, "pushurl"):
        git(copy, "config", "--unset-all", f"remote.{REMOTE}.pushurl")
    # A push runs this program. It reads the settings of the bare repository, and none of the pusher's.
    closed = f"env GIT_CONFIG_GLOBAL={os.devnull} GIT_CONFIG_NOSYSTEM=1"
    trusted = shlex.quote(f"safe.directory={bare}")
    git(copy, "config", "--replace-all", f"remote.{REMOTE}.receivepack", f"{closed} git -c {trusted} receive-pack")


def _git_in(copy: Path) -> str:
    return f"git -C {shlex.quote(str(copy))}"


def bare_repositories(layout: Layout) -> dict[Path, tuple[str, ...]]:
    """Return the bare repositories of the known services, each with the services that it holds."""
    found: dict[Path, tuple[str, ...]] = {}
    for service, record in read_json(layout.services, {}).items():
        bare = _bare(layout, _repository_of(service, record))
        found[bare] = (*found.get(bare, ()), service)
    return found


def clone_url(bare: Path) -> str:
    """Return the address that a build clones a bare repository from."""
    return str(bare) if not any(letter.isspace() for letter in str(bare)) else bare.as_uri()


def write_hooks(layout: Layout) -> None:
    """Write the hook and the settings of every known service again: those of an older version may differ."""
    for service, record in read_json(layout.services, {}).items():
        if (bare := _bare(layout, _repository_of(service, record))).exists():
            _write_hook(layout, bare)
            copy = Path(record["copy"])
            if (copy / ".git").exists() and _urls(copy, "url") == [str(bare)]:
                _set_remote(copy, bare)


def bare_repository_of(layout: Layout, service: str, record: Mapping[str, str]) -> Path:
    """Return the bare repository of a service, which others may share, by its record in services.json."""
    return _bare(layout, _repository_of(service, record))


def _bare(layout: Layout, name: str) -> Path:
    return layout.repositories / f"{name}.git"


def _bare_repository(layout: Layout, name: str) -> Path:
    bare = _bare(layout, name)
    if not (bare / "HEAD").exists():
        bare.parent.mkdir(parents=True, exist_ok=True)
        git(bare.parent, "init", "--quiet", "--bare", f"--initial-branch={BRANCH}", str(bare))
    _write_hook(layout, bare)
    return bare


def _write_hook(layout: Layout, bare: Path) -> None:
    hook = bare / "hooks" / "post-receive"
    hook.parent.mkdir(exist_ok=True)
    inherited = " ".join(f'${{{name}+"{name}=${name}"}}' for name in INHERITED)
    hook.write_text(
        "#!/bin/sh\n"
        "# Sends a push to Lifecycle, as GitHub's webhook would. No other setting of the pusher reaches it.\n"
        f'exec env -i {inherited} GIT_DIR="${{GIT_DIR:-.}}" PYTHONUTF8=1 '
        f"LIFECYCLE_HOME={shlex.quote(str(layout.home))} PYTHONPATH={shlex.quote(PYTHONPATH)} "
        f"{shlex.quote(sys.executable)} -P -m {_HOOK}\n"
    )
    hook.chmod(0o755)
    # A pusher's own `core.hooksPath` would hide the hook: the push would start no run, without a word.
    for key, value in _BARE_SETTINGS:
        git(bare.parent, f"--git-dir={bare}", "config", "--replace-all", key, value)


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
    commit_all(unfinished, f"Import {service}")
    return unfinished.rename(copy)


def _not_copied(home: Path) -> Callable[[str, list[str]], set[str]]:
    """Return copytree's filter: skip generated files, and the environment itself, which may be in the folder."""

    def ignored(folder: str, names: list[str]) -> set[str]:
        return GENERATED(folder, names) | ({home.name} if Path(folder) == home.parent else set())

    return ignored


def _identity(copy: Path) -> tuple[str, ...]:
    try:
        git(copy, "var", "GIT_COMMITTER_IDENT")
    except LaptopError:
        return ("-c", "user.name=Lifecycle", "-c", "user.email=lifecycle@localhost")
    return ()

"""Content that a commit only names: Git submodules and the files of Git LFS.

Called by main. A plain clone has an empty folder for a submodule and a small text, the pointer, for a file of LFS.
Each is fetched where lifecycle.toml says so. A build that still lacks one after its commands is refused, and so is an
artifact with a pointer, wherever that came from.
"""

import os
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from apps.build.errors import BuildFailed
from apps.build.files import Member
from apps.build.request import git
from lifecycle.ambient import git_environment
from lifecycle.servicefile import ServiceFile

_SUBMODULE = "160000 "
# https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md
_POINTER = b"version https://git-lfs.github.com/spec/"
_POINTER_BYTES = 1024
_NAMED = 5


@dataclass(frozen=True, slots=True)
class Missing:
    """The submodules and the files of LFS that a clone has not fetched, as paths from the service's folder."""

    submodules: tuple[str, ...]
    pointers: tuple[str, ...]

    def described(self) -> Iterator[str]:
        """Yield what is missing and the keys that fetch it."""
        if self.submodules:
            yield (
                f"expected the content of the Git submodules {_names(self.submodules)}, found empty folders; "
                "set build.submodules = true, or copy their files into the repository"
            )
        if self.pointers:
            yield (
                f"expected the content of {_names(self.pointers)}, found pointers of Git LFS; set build.lfs = true, "
                "or keep the files in Git without LFS"
            )


def fetch(folder: Path, file: ServiceFile) -> None:
    """Fetch the submodules and the files of LFS that the service declares to need; raise BuildFailed."""
    if file.build.submodules and (found := list(_named(folder, _paths(file)))):
        _run(folder, "submodule", "update", "--init", "--recursive", "--", *found)
    if file.build.lfs:
        # `git lfs pull` stays in one repository. A command may read files beside the service, too.
        for each in (folder, *(folder / path for path in submodules(folder, file))):
            if any(_is_pointer(each / path) for path in _listed(each, ":/")):
                _run(each, "lfs", "pull")


def missing(folder: Path, file: ServiceFile) -> Missing:
    """Return what the clone lacks of the service's folder and its declared paths; nothing outside of Git."""
    empty = (path for path in submodules(folder, file) if not _has_content(folder / path))
    listed = _listed(folder, "--recurse-submodules", "--", *_paths(file))
    return Missing(tuple(empty), tuple(path for path in listed if _is_pointer(folder / path)))


def check(folder: Path, file: ServiceFile) -> None:
    """Raise BuildFailed for a clone that lacks content which its commit names."""
    _raise_for(missing(folder, file))


def check_packed(members: Iterable[Member]) -> None:
    """Raise BuildFailed for a pointer of LFS among the files of an artifact, such as a copy of a tracked one."""
    _raise_for(Missing((), tuple(each.name for each in members if each.is_file and _is_pointer(each.path))))


def submodules(folder: Path, file: ServiceFile) -> list[str]:
    """Return the submodules of the service's folder and its declared paths, as paths from that folder.

    Those of a submodule that was fetched follow it.
    """
    return list(_with_inner(folder, _named(folder, _paths(file))))


def _with_inner(folder: Path, named: Iterable[str]) -> Iterator[str]:
    for path in named:
        yield path
        if (folder / path / ".git").exists():  # without it, Git would answer for the repository around it
            yield from (f"{path}/{inner}" for inner in _with_inner(folder / path, _named(folder / path, ["."])))


def _named(folder: Path, paths: Iterable[str]) -> Iterator[str]:
    """Yield the submodules that the repository of the folder itself names below these paths."""
    for entry in _listed(folder, "--stage", "--", *paths):
        if entry.startswith(_SUBMODULE):
            yield entry.partition("\t")[2]


def _listed(folder: Path, *arguments: str) -> list[str]:
    return [each for each in (git(folder, "ls-files", "-z", "--cached", *arguments) or "").split("\0") if each]


def _raise_for(found: Missing) -> None:
    if problems := list(found.described()):
        raise BuildFailed("\n".join(problems))


def _paths(file: ServiceFile) -> list[str]:
    return [".", *file.paths]


def _has_content(folder: Path) -> bool:
    try:
        return any(each.name != ".git" for each in folder.iterdir())
    except OSError:  # a command removed it, or replaced it by a file
        return folder.exists()


def _is_pointer(path: Path) -> bool:
    try:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > _POINTER_BYTES:
            return False
        with path.open("rb") as file:
            return file.read(len(_POINTER)) == _POINTER
    except OSError:  # packing names a file that it cannot read
        return False


def _run(folder: Path, *arguments: str) -> None:
    command = ["git", "-c", "safe.directory=*", *arguments]
    environment = {**git_environment(os.environ), "GIT_TERMINAL_PROMPT": "0"}
    done = subprocess.run(
        command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    if done.returncode:
        said = os.fsdecode(done.stderr or done.stdout).strip()[-1000:]
        shown = " ".join(arguments[:2])
        raise BuildFailed(
            f"git {shown} failed with exit code {done.returncode}: {said or 'no message'}; a build has no "
            "credentials of other repositories, and needs git-lfs for build.lfs"
        )


def _names(paths: tuple[str, ...]) -> str:
    more = f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else ""
    return ", ".join(paths[:_NAMED]) + more

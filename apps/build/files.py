"""The files of an artifact: the files that Git tracks when nothing is built, else a whole folder.

Called by main. A file that a host would refuse is refused here, where the developer sees it.
"""

import os
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from apps.build.errors import BuildFailed
from apps.build.request import git

# The host has the same limits (apps/agent/tar_reader.py); for all names together twice this, for the links' targets.
MAXIMUM_MEMBERS = 100_000
MAXIMUM_PATH_BYTES = 1024
MAXIMUM_PART_BYTES = 255
MAXIMUM_PARTS = 64
MAXIMUM_NAMES_BYTES = 32 * 1024**2
_VIRTUAL_ENVIRONMENT = "pyvenv.cfg"


@dataclass(frozen=True, slots=True)
class Member:
    """One file, folder or symbolic link; `name` is its path in the artifact."""

    name: str
    path: Path
    kind: int

    @property
    def is_file(self) -> bool:
        return self.kind == stat.S_IFREG

    @property
    def is_link(self) -> bool:
        return self.kind == stat.S_IFLNK


def tracked_members(folder: Path) -> list[Member] | None:
    """Return the files that Git tracks in the folder, with their folders; None outside of a Git repository.

    The files of a fetched submodule are among them.
    """
    listed = git(folder, "ls-files", "-z", "--cached", "--recurse-submodules")
    if listed is None:
        return None
    names = {name for name in listed.split("\0") if name}
    if not names:
        raise BuildFailed(f"expected files that Git tracks in {folder}, found none; add them with `git add`")
    parents = {str(parent) for name in names for parent in PurePosixPath(name).parents} - {"."}
    members = _checked_members(folder, names | parents)
    for member in members:
        if member.name in names and member.kind == stat.S_IFDIR:
            raise BuildFailed(
                f"{member.name}: expected the files of the Git submodule, found that it was not fetched; "
                "set build.submodules = true"
            )
    return members


def folder_members(folder: Path, artifact: str, exclude: Collection[Path] = ()) -> list[Member]:
    """Return the members of the artifact folder without the repository's own `.git`; refuse any other `.git`."""
    root = folder / artifact
    if not root.is_dir():
        found = "a file" if root.exists() else "nothing"
        raise BuildFailed(f"build.artifact: expected a folder {artifact!r} after the build, found {found}")
    if not root.resolve().is_relative_to(folder.resolve()):
        raise BuildFailed(f"build.artifact: expected a folder inside the repository, found {root.resolve()}")
    root = root.resolve()
    excluded = {path.resolve() for path in (*exclude, folder / ".git")}
    if root in excluded:
        raise BuildFailed(f"expected --dest and build.artifact to be different folders, found {root} for both")
    members = _checked_members(root, set(_walk(root, excluded)))
    if not any(member.is_file for member in members):
        raise BuildFailed(f"build.artifact: expected files in {artifact!r} after the build, found none")
    return members


def _walk(root: Path, excluded: Collection[Path]) -> Iterator[str]:
    for found, folders, files in os.walk(root, onerror=_raise_build_failed):
        here = Path(found)
        folders[:] = [name for name in folders if (here / name).is_symlink() or here / name not in excluded]
        for name in (*folders, *files):
            if (here / name) not in excluded:
                yield (here / name).relative_to(root).as_posix()


def _raise_build_failed(error: OSError) -> None:
    raise BuildFailed(f"cannot be packed: {error}") from error


def _checked_members(root: Path, names: Collection[str]) -> list[Member]:
    if found := min((name for name in names if PurePosixPath(name).name == _VIRTUAL_ENVIRONMENT), default=""):
        raise BuildFailed(_of_one_machine(str(PurePosixPath(found).parent)))
    if len(names) > MAXIMUM_MEMBERS:
        raise BuildFailed(f"expected at most {MAXIMUM_MEMBERS} files and folders to pack, found {len(names)}")
    length = sum(len(os.fsencode(name)) for name in names)
    if length > MAXIMUM_NAMES_BYTES:
        raise BuildFailed(
            f"expected paths of at most {MAXIMUM_NAMES_BYTES} bytes together, found {length}; shorten folder names"
        )
    inside = root.resolve()
    return [_member(root, inside, name) for name in sorted(names, key=os.fsencode)]


def _of_one_machine(folder: str) -> str:
    return (
        f"{folder}: the artifact contains a Python virtual environment, linked to the Python of the machine that "
        "made it. If only the build needs it, remove it last, or set build.artifact to a folder without "
        "it. If the service needs its packages, use `pip install --target packages -r requirements.txt` and "
        'run.environment = { PYTHONPATH = "packages" }'
    )


def _member(root: Path, inside: Path, name: str) -> Member:
    path = root / name
    try:
        name.encode()
        kind = stat.S_IFMT(path.lstat().st_mode)
    except UnicodeEncodeError as error:
        raise BuildFailed(f"{name!r}: expected a name in UTF-8; rename it") from error
    except OSError as error:
        raise BuildFailed(f"{name}: cannot be packed: {error.strerror}") from error
    parts = [len(part.encode()) for part in name.split("/")]
    if max(parts) > MAXIMUM_PART_BYTES or len(name.encode()) > MAXIMUM_PATH_BYTES:
        raise BuildFailed(f"{name[:80]}…: expected a path of at most {MAXIMUM_PATH_BYTES} bytes; shorten it")
    if len(parts) > MAXIMUM_PARTS:
        expected = f"expected a path of at most {MAXIMUM_PARTS} parts, found {len(parts)}"
        raise BuildFailed(f"{name}: {expected}; move it to a higher folder")
    if ".git" in name.split("/"):
        raise BuildFailed(f"{name}: the artifact contains a Git repository; remove this .git")
    if kind == stat.S_IFLNK:
        _check_link(inside, path, name)
    elif kind not in (stat.S_IFREG, stat.S_IFDIR):
        raise BuildFailed(f"{name}: expected a file, folder or symbolic link, found a pipe, socket or device")
    return Member(name, path, kind)


def _check_link(inside: Path, path: Path, name: str) -> None:
    target = str(path.readlink())
    if len(os.fsencode(target)) > MAXIMUM_PATH_BYTES:
        raise BuildFailed(f"{name}: expected a link to a path of at most {MAXIMUM_PATH_BYTES} bytes; shorten it")
    resolved = Path(os.path.realpath(path))
    if target.startswith("/") or not resolved.is_relative_to(inside):
        raise BuildFailed(
            f"{name}: the link points outside the artifact, to {target!r}; replace it with a copy of the file"
        )

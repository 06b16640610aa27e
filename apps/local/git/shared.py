"""Finds the services of a folder that several share: a Git repository, or a folder that becomes one.

Called by services/clusters.py. A folder with a lifecycle.toml of its own, and no repository with services around it,
is one service alone (repositories.py).
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from apps.local.errors import LaptopError
from apps.local.git.repositories import GENERATED, git
from apps.local.own_files import read_json
from apps.local.paths import REPOSITORY, Layout
from lifecycle.servicefile import FILE_NAME
from lifecycle.servicefile.repository import FoundService, folders_of, read_services

# Folders below it are not searched, because the path may be any folder of this machine.
_DEEPEST = 6


@dataclass(frozen=True, slots=True)
class SharedFolder:
    """The top folder of several services, and those of them that are meant."""

    root: Path
    services: tuple[FoundService, ...]


def shared_folder(layout: Layout, path: Path) -> SharedFolder | None:
    """Return the services of a repository or of one of its folders; None if the path is one service alone.

    Raises InvalidServiceFile with the problems of all services of the repository. A folder of this project's own
    repository, such as an example, is copied: nobody wants to push this project to Lifecycle.
    """
    path = path.resolve()
    top = _top(path)
    root = top or path
    if (root / FILE_NAME).exists() or not path.is_dir():
        return None
    files = git(root, "ls-files", "-z").split("\0") if top else list(_files(root))
    folders = folders_of(files).services
    wanted = folders if path == root else [each for each in folders if root / each == path]
    if not wanted:
        return None
    services = tuple(each for each in read_services(root, folders) if each.folder in wanted)
    known = read_json(layout.services, {})
    if len(services) == 1 and path != root and _is_copied(known.get(services[0].name), path):
        return None
    return SharedFolder(root, services)


def _top(path: Path) -> Path | None:
    try:
        top = Path(git(path, "rev-parse", "--show-toplevel").rstrip("\n")).resolve()
    except (LaptopError, OSError):
        return None
    return None if top == REPOSITORY else top


def _is_copied(known: dict[str, str] | None, path: Path) -> bool:
    """Return whether the service of this folder was added alone, as older versions did."""
    return known is not None and known["path"] == str(path) and not path.is_relative_to(known["copy"])


def _files(root: Path) -> Iterator[str]:
    for found, folders, files in os.walk(root):
        here = Path(found).relative_to(root)
        skipped = GENERATED(found, folders) if len(here.parts) < _DEEPEST else set(folders)
        folders[:] = [name for name in folders if name not in skipped and not name.startswith(".")]
        yield from ((here / name).as_posix() for name in files if name == FILE_NAME)

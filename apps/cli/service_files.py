"""Read the lifecycle.toml of a path that an operator typed: of one service, or of every service of a repository.

Used by `lifecycle validate` and `lifecycle build`.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from apps.build.request import git
from apps.cli.errors import Ambiguous
from lifecycle.servicefile import FILE_NAME, ServiceFile, read_service_file
from lifecycle.servicefile.repository import Folders, FoundService, folders_of, read_services


@dataclass(frozen=True, slots=True)
class ServiceFiles:
    """The services of a path, and the folders inside of theirs that have a lifecycle.toml too."""

    services: tuple[FoundService, ...]
    inner: tuple[str, ...] = ()
    several: bool = False


def read_files(path: Path) -> ServiceFiles:
    """Read the service of a folder or file, else the services of the repository; raise InvalidServiceFile."""
    if not path.is_dir() and path.name != FILE_NAME:
        return _alone(read_service_file(path))
    folder = (path if path.is_dir() else path.parent).resolve()
    if (folder / FILE_NAME).exists() or not (found := _below(folder)).services:
        return _read_one(path, folder)
    root = _top(folder)
    above = folder.relative_to(root)
    services = read_services(root, [(above / each).as_posix() for each in found.services])
    here = (replace(each, folder=Path(each.folder).relative_to(above).as_posix()) for each in services)
    return ServiceFiles(tuple(here), found.inner, several=True)


def read_one(path: Path) -> ServiceFile:
    """Read the only service of a path; raise Ambiguous for a repository of several, or InvalidServiceFile."""
    found = read_files(path)
    if found.several:
        folders = ", ".join(str(path / each.folder) for each in found.services)
        raise Ambiguous(f"expected the folder of one service, found several below {path}; name one of {folders}")
    return found.services[0].file


def _alone(file: ServiceFile) -> ServiceFiles:
    return ServiceFiles((FoundService(".", file, (".",)),))


def _read_one(path: Path, folder: Path) -> ServiceFiles:
    file = read_service_file(path)
    if not file.paths:
        return _alone(file)
    root = _top(folder)
    return ServiceFiles(tuple(read_services(root, [folder.relative_to(root).as_posix()])))


def _top(folder: Path) -> Path:
    """Return the top folder of the repository, in which declared paths are looked up, or the folder without one."""
    top = git(folder, "rev-parse", "--show-toplevel")
    return Path(top).resolve() if top else folder


def _below(folder: Path) -> Folders:
    """Return the folders of services below a folder, among the files that Git knows or would add."""
    pattern = f":(glob)**/{FILE_NAME}"
    listed = git(folder, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", pattern)
    if listed is None:
        return Folders(())
    return folders_of([each for each in listed.split("\0") if each and (folder / each).exists()])

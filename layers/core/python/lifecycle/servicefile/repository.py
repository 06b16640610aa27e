"""The services of a repository: the folders with a lifecycle.toml, each checked together with the others.

Called by apps/build in the clone, by `lifecycle validate` and `lifecycle local add`, with the files that Git knows.
"""

import posixpath
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from lifecycle.domain.delivery.repository import MOST_SERVICES
from lifecycle.domain.delivery.service_folder import service_folder
from lifecycle.domain.errors import InvalidValue
from lifecycle.servicefile.lines import line_of, locate
from lifecycle.servicefile.model import ServiceFile
from lifecycle.servicefile.problems import InvalidServiceFile, Problem
from lifecycle.servicefile.reading import FILE_NAME, read_service_file


@dataclass(frozen=True, slots=True)
class Folders:
    """The folders of a repository's services, and those whose lifecycle.toml belongs to a service around them."""

    services: tuple[str, ...]
    inner: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FoundService:
    """A service, its folder in the repository, and every path in the repository that it depends on."""

    folder: str
    file: ServiceFile
    paths: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.file.name


def folders_of(files: Collection[str]) -> Folders:
    """Return the folders with a lifecycle.toml, "." for the top folder, by the paths of the repository's files.

    The outermost one counts: a lifecycle.toml below the folder of a service is a file of that service.
    """
    found = sorted({str(PurePosixPath(each).parent) for each in files if PurePosixPath(each).name == FILE_NAME})
    services = [each for each in found if not _around(each) & set(found)]
    return Folders(tuple(services), tuple(each for each in found if each not in services))


def _around(folder: str) -> set[str]:
    return {str(parent) for parent in PurePosixPath(folder).parents} if folder != "." else set()


def read_services(root: Path, folders: Sequence[str]) -> list[FoundService]:
    """Read the service of each folder; raise InvalidServiceFile with the problems of all of them."""
    if len(folders) > MOST_SERVICES:
        message = f"expected at most {MOST_SERVICES} services in a repository, found {len(folders)}"
        raise InvalidServiceFile([Problem(None, "", f"{message}; move some to another repository", str(root))])
    found, problems = list[FoundService](), list[Problem]()
    for folder in folders:
        try:
            service_folder(folder) if folder != "." else None
            file = read_service_file(root / folder)
            paths, wrong = _paths(root, folder, file.paths)
        except InvalidValue as error:
            problems.append(Problem(None, "", str(error), posixpath.join(folder, FILE_NAME)))
        except InvalidServiceFile as error:
            problems += [_placed(each, folder) for each in error.problems]
        else:
            problems += wrong
            found.append(FoundService(folder, file, paths))
    problems += _repeated_names(found)
    if problems:
        raise InvalidServiceFile(problems)
    return found


def _placed(problem: Problem, folder: str) -> Problem:
    file = posixpath.normpath(posixpath.join(folder, FILE_NAME))
    return Problem(problem.line, problem.field, problem.message, file)


def _repeated_names(found: Sequence[FoundService]) -> Iterator[Problem]:
    folders = defaultdict(list)
    for each in found:
        folders[each.name].append(each.folder)
    for name, several in folders.items():
        if len(several) > 1:
            places = " and ".join(several)
            message = f'expected one folder for each service, found "{name}" in {places}; give one another name'
            yield Problem(None, "name", message, posixpath.join(several[-1], FILE_NAME))


def _paths(root: Path, folder: str, declared: Sequence[str]) -> tuple[tuple[str, ...], list[Problem]]:
    """Return the service's folder and declared paths in the repository, and the problems of those."""
    inside, problems = [folder], list[Problem]()
    file = posixpath.normpath(posixpath.join(folder, FILE_NAME))
    for number, each in enumerate(declared):
        path = posixpath.normpath(posixpath.join(folder, each))
        if wrong := _wrong(root, path, each):
            at = ("paths", number)
            line = line_of(locate((root / file).read_text("utf-8-sig")), at)
            problems.append(Problem(line, f"paths[{number}]", wrong, file))
        inside.append(path)
    return tuple(dict.fromkeys(inside)), problems


def _wrong(root: Path, path: str, declared: str) -> str:
    """Return what is wrong with a path, seen from the top folder; empty if nothing is."""
    parts, top = path.split("/"), root.resolve()
    if parts[0] == ".." or ".git" in parts:
        copy = "copy what the service needs into the repository"
        return f'expected a path inside the repository, found "{declared}", which is {path} of it; {copy}'
    if not (root / path).exists():
        return (
            f'expected a folder or file of the repository, found nothing at "{declared}", which is {path} of it; '
            "correct the path, or remove it"
        )
    target = (root / path).resolve()
    if target == top / path:
        return ""
    inside = target.is_relative_to(top)
    name = f"{target.relative_to(top)} of the repository; name that" if inside else "something outside; copy it"
    return f'expected a path without links, found "{declared}", which leads to {name}'

"""The choice of what a push builds, made in the clone with the sources of each service's newest snapshot.

Called by main as the second step of a build. A service's sources are its folder, its declared paths, and what the
links in them point to. Git names their content, so a merge, a force-push or a revert is compared like any commit.
"""

import hashlib
import os
import posixpath
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias, assert_never

from apps.build.errors import BuildFailed
from apps.build.request import git
from lifecycle.domain.delivery.repository import Known
from lifecycle.domain.delivery.service_folder import service_folder
from lifecycle.domain.delivery.skip_marker import skip_marker, skipped_because
from lifecycle.domain.errors import InvalidValue
from lifecycle.servicefile import FILE_NAME
from lifecycle.servicefile.repository import FoundService, folders_of, read_services

_LINK = "120000"
_SOURCE_DIGITS = 16
_COMMIT = re.compile(r"HEAD|[0-9a-f]{7,40}")


@dataclass(frozen=True, slots=True)
class BuildOne:
    """Build the service in this folder; `source` is empty for the only service of a repository."""

    folder: str
    source: str = ""
    unchanged: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BuildSeveral:
    """More than one service has changed: each gets a run of its own. `services` are names and folders."""

    services: tuple[tuple[str, str], ...]
    unchanged: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BuildNothing:
    """Nothing has to be built, and why."""

    reason: str
    unchanged: tuple[str, ...] = ()


Choice: TypeAlias = BuildOne | BuildSeveral | BuildNothing


def choose(root: Path, environ: Mapping[str, str]) -> Choice:
    """Return what to build of the clone; raise BuildFailed or InvalidServiceFile.

    A service in the top folder is the only one of its repository, and every push builds it.
    """
    if environ.get("LIFECYCLE_SKIP_CI") and (marker := skip_marker(git(root, "log", "-1", "--format=%B") or "")):
        return BuildNothing(skipped_because(marker))
    if folder := environ.get("LIFECYCLE_FOLDER", ""):
        return BuildOne(folder, _source_of(root, folder))
    if (root / FILE_NAME).exists():
        read_services(root, ["."])
        return BuildOne(".")
    found = read_services(root, folders_of(tracked_files(root)).services)
    if not found:
        raise BuildFailed(
            f"expected a file {FILE_NAME} in the top folder or in a folder of a service, found none; "
            "see docs/lifecycle-toml.md"
        )
    return _changed(root, found, Known.from_text(environ.get("LIFECYCLE_KNOWN", "")))


def details_of(choice: Choice) -> dict[str, Any]:
    """Return what the delivery has to know of a choice, as JSON; application/delivery/build.py reads it."""
    match choice:
        case BuildOne(folder, source, unchanged):
            return {"folder": folder, "source": source, "unchanged": ", ".join(unchanged)} if source else {}
        case BuildSeveral(services, unchanged):
            return {"services": dict(services), "unchanged": ", ".join(unchanged)}
        case BuildNothing(reason, unchanged):
            return {"nothing": reason, "unchanged": ", ".join(unchanged)}
        case _:
            assert_never(choice)


def described(choice: Choice) -> list[str]:
    """Return the lines of the log about a choice; none for the only service of a repository."""
    lines = [f"{name}: unchanged since its newest snapshot; no build" for name in choice.unchanged]
    match choice:
        case BuildOne(folder, source):
            return [*lines, f"{folder}: changed; built here"] if source else []
        case BuildSeveral(services):
            return [*lines, *(f"{name} in {folder}: changed; built in a run of its own" for name, folder in services)]
        case BuildNothing(reason):
            return [*lines, reason]
        case _:
            assert_never(choice)


def tracked_files(root: Path) -> list[str]:
    """Return the path of every file named lifecycle.toml that Git tracks; raise BuildFailed outside of Git."""
    listed = git(root, "ls-files", "-z", "--", f":(glob)**/{FILE_NAME}")
    if listed is None:
        raise BuildFailed(f"expected a Git repository or a {FILE_NAME} in {root}, found neither")
    return [each for each in listed.split("\0") if each]


def _changed(root: Path, found: Collection[FoundService], known: Known) -> Choice:
    links = _links(root)
    changed, unchanged = list[tuple[FoundService, str]](), list[str]()
    for service in found:
        paths = _with_targets(service.paths, links)
        source = _checked_source(root, service, paths)
        if known.unchanged(service.name, source, partial(source_at, root, paths)):
            unchanged.append(service.name)
        else:
            changed.append((service, source))
    if len(changed) == 1:
        (service, source), *_ = changed
        return BuildOne(service.folder, source, tuple(unchanged))
    if changed:
        return BuildSeveral(tuple((service.name, service.folder) for service, _ in changed), tuple(unchanged))
    names = ", ".join(unchanged)
    return BuildNothing(
        f"no build: no folder or path of {names} has changed since its newest snapshot", tuple(unchanged)
    )


def _source_of(root: Path, folder: str) -> str:
    """Return the sources of the one service that a run is for; raise BuildFailed or InvalidServiceFile."""
    try:
        service_folder(folder)
    except InvalidValue as error:
        raise BuildFailed(f"LIFECYCLE_FOLDER: {error}") from error
    (service,) = read_services(root, [folder])
    return _checked_source(root, service, _with_targets(service.paths, _links(root)))


def _checked_source(root: Path, service: FoundService, paths: Collection[str]) -> str:
    if source := source_at(root, paths, "HEAD"):
        return source
    where = posixpath.join(service.folder, FILE_NAME)
    raise BuildFailed(
        f"{where}: paths: expected files that Git tracks in each of {', '.join(paths)}; "
        "commit them, or remove the path"
    )


def source_at(root: Path, paths: Collection[str], commit: str) -> str:
    """Return a name of the content of these paths at a commit; empty if the commit or a path is missing."""
    if not _COMMIT.fullmatch(commit):
        return ""
    entries = []
    for path in sorted(paths):
        # An entry has its mode, type, object and path.
        whole = ("rev-parse", "--verify", "--quiet", f"{commit}^{{tree}}")
        found = git(root, *(whole if path == "." else ("--literal-pathspecs", "ls-tree", "-z", commit, "--", path)))
        if not found:
            return ""
        entries.append(found)
    return hashlib.sha256(os.fsencode("\0".join(entries))).hexdigest()[:_SOURCE_DIGITS]


def _links(root: Path) -> dict[str, str]:
    """Return the target in the repository of each symbolic link that Git tracks, as `_tracked_part` names it."""
    listed = git(root, "ls-files", "-z", "--stage") or ""
    modes = {path: about for about, _, path in (entry.partition("\t") for entry in filter(None, listed.split("\0")))}
    folders = {"."}.union(*(_ancestors(path) for path in modes))
    links = {}
    for path, about in modes.items():
        if about.startswith(_LINK) and (root / path).is_symlink():
            target = posixpath.normpath(posixpath.join(posixpath.dirname(path), str((root / path).readlink())))
            if part := _tracked_part(target, modes, folders):
                links[path] = part
    return links


def _tracked_part(target: str, files: Collection[str], folders: Collection[str]) -> str:
    """Return the target, or what leads there: another link, or the submodule that has it; empty if Git has none."""
    leading = next((each for each in _ancestors(target) if each in files), "")
    return leading or (target if target in files or target in folders else "")


def _ancestors(path: str) -> list[str]:
    """Return the folders of a path below the top folder, the outermost first."""
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]


def _with_targets(paths: Collection[str], links: Mapping[str, str]) -> tuple[str, ...]:
    """Return the paths, and the targets of all links that are in them."""
    found = dict.fromkeys(paths)
    waiting = list(paths)
    while waiting:
        path = waiting.pop()
        for link, target in links.items():
            if _is_in(link, [path]) and not _is_in(target, found):
                found[target] = None
                waiting.append(target)
    return tuple(found)


def _is_in(path: str, folders: Collection[str]) -> bool:
    return any(each in (".", path) or path.startswith(f"{each}/") for each in folders)

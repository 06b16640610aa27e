"""Folders that a build takes over from an earlier one, named by the files that decide their content.

Called by main around the service's commands. Only a build that passed saves its folders, once for each name, so a
cache never has half a state. Nothing here fails a build: without its cache it only takes longer.
"""

import hashlib
import json
import platform
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from apps.build.errors import BuildFailed
from apps.build.read_only import delete, make_writable
from lifecycle.servicefile import ServiceFile

VARIABLE = "LIFECYCLE_BUILD_CACHE"
"""The variable with the folder of all caches of a build machine. One without it keeps no caches."""

_NEWEST = 3  # of a service; older ones are deleted
_FACTS = "facts.json"
_NEW = "new-"  # the beginning of the name of one that is being saved
_UNFINISHED_SECONDS = 86_400  # more than any build takes
_DIGITS = 32


class CacheUnavailable(Exception):
    """Caches that cannot be read or written now; the message says why."""


class Caches(Protocol):
    """The port to the caches of one service; each has a name, folders, and the seconds that they took to make."""

    def load(self, name: str, folders: Sequence[str], into: Path) -> float | None:
        """Copy those of the folders that the cache has; return its seconds, or None if there is none.

        Raises CacheUnavailable. What was copied before that is worth nothing.
        """

    def save(self, name: str, folders: Sequence[str], of: Path, seconds: float) -> None:
        """Save those of the folders that exist; raises CacheUnavailable."""


class FolderCaches:
    """Caches in a folder of this machine. Each is a folder with the folders' content, and a file of facts."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def load(self, name: str, folders: Sequence[str], into: Path) -> float | None:
        saved = self._home / name
        try:
            seconds = float(json.loads((saved / _FACTS).read_text())["seconds"])
            for each in folders:
                if (saved / each).is_dir():
                    shutil.copytree(saved / each, into / each, symlinks=True)
            (saved / _FACTS).touch()
        except FileNotFoundError:
            _delete(saved)
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            _delete(saved)  # the next build that passes saves it again
            raise CacheUnavailable(f"it is damaged: {error!r}") from error
        return seconds

    def save(self, name: str, folders: Sequence[str], of: Path, seconds: float) -> None:
        try:
            self._home.mkdir(parents=True, exist_ok=True)
            new = Path(tempfile.mkdtemp(prefix=_NEW, dir=self._home))
            try:
                for each in folders:
                    if (of / each).is_dir():
                        shutil.copytree(of / each, new / each, symlinks=True)
                (new / _FACTS).write_text(json.dumps({"seconds": seconds}))
                if not (self._home / name / _FACTS).exists():  # another build may have saved it meanwhile
                    _delete(self._home / name)
                    new.rename(self._home / name)
            finally:
                _delete(new)
            self._forget_old()
        except (OSError, shutil.Error) as error:
            raise CacheUnavailable(str(error)) from error

    def _forget_old(self) -> None:
        """Delete all but the newest caches, what is left of deleted ones, and what an ended build left unfinished."""
        whole = {each.parent: each.stat().st_mtime for each in self._home.glob(f"*/{_FACTS}")}
        newest = sorted(whole, key=lambda each: whole[each], reverse=True)[:_NEWEST]
        for each in set(self._home.iterdir()).difference(newest):
            if not each.name.startswith(_NEW) or each.stat().st_mtime < time.time() - _UNFINISHED_SECONDS:
                _delete(each)


def _delete(cache: Path) -> None:
    with suppress(OSError):
        (cache / _FACTS).unlink()  # what stays if this process ends now is no cache
    delete(cache)


@dataclass(frozen=True, slots=True)
class Cache:
    """The cache that a build begins with, or saves."""

    caches: Caches
    name: str
    folders: tuple[str, ...]

    def restore(self, folder: Path) -> float | None:
        """Put the cached folders into the clone; return the seconds that the commands took without them, or None.

        A folder that the clone has stays. Raises CacheUnavailable, with nothing put anywhere.
        """
        wanted = [each for each in self.folders if not (folder / each).exists()]
        try:
            with tempfile.TemporaryDirectory(prefix=".lifecycle-cache-", dir=folder) as loaded:
                seconds = self.caches.load(self.name, wanted, Path(loaded))
                for each in wanted if seconds is not None else ():
                    if (Path(loaded) / each).is_dir():
                        (folder / each).parent.mkdir(parents=True, exist_ok=True)
                        mode = make_writable(Path(loaded) / each)  # else it cannot get another parent
                        (Path(loaded) / each).rename(folder / each).chmod(mode)
        except OSError as error:
            raise CacheUnavailable(str(error)) from error
        return seconds

    def save(self, folder: Path, seconds: float) -> None:
        """Save the folders of a build that passed; raises CacheUnavailable."""
        self.caches.save(self.name, self.folders, folder, seconds)


def caches_at(home: Path, file: ServiceFile, repository: str) -> FolderCaches:
    """Return the caches of a service on this machine, where repositories may have services of one name."""
    owner = hashlib.sha256(repository.encode()).hexdigest()[:8]
    return FolderCaches(home / f"{file.name}-{owner}")


def cache_of(folder: Path, file: ServiceFile, caches: Caches) -> Cache:
    """Return the cache of a service in this clone; raise BuildFailed for a declared file that is missing.

    Its name covers the declared files, the commands that make the folders, and the machine that they are made for.
    """
    name = hashlib.sha256()
    build, machine = file.build, (platform.system(), platform.machine(), platform.python_version())
    name.update(json.dumps([machine, build.cache, build.commands, sorted(build.environment.items())]).encode())
    for each in build.cache_key:
        try:
            content = (folder / each).read_bytes()
        except OSError as error:
            raise BuildFailed(
                f"build.cache_key: expected the file {each}, found none that can be read ({error.strerror}); "
                "commit it, or remove it from the list"
            ) from error
        name.update(f"\0{each}\0{len(content)}\0".encode() + content)
    return Cache(caches, name.hexdigest()[:_DIGITS], build.cache)


def run_cached(
    cache: Cache | None, folder: Path, run: Callable[[], object], print_line: Callable[[str], None]
) -> None:
    """Run the commands with the cached folders, and save the folders afterwards; print the seconds saved."""
    if cache is None:
        run()
        return
    shown, begun = ", ".join(cache.folders), time.monotonic()
    try:
        before, why = cache.restore(folder), f"no {shown} yet"
    except CacheUnavailable as error:
        before, why = None, f"{shown} not restored: {error}"
    restored = time.monotonic() - begun
    print_line(f"== cache: {shown} restored in {restored:.1f} s" if before is not None else f"== cache: {why}")
    run()
    took = time.monotonic() - begun
    if before is not None:
        print_line(f"== cache: {took:.1f} s with it, {before:.1f} s without: saved {max(0.0, before - took):.1f} s")
        return
    try:
        cache.save(folder, took)
    except CacheUnavailable as error:
        print_line(f"== cache: {shown} not saved: {error}")
    else:
        print_line(f"== cache: {shown} saved for later builds")

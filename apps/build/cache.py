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
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from apps.build.errors import BuildFailed
from lifecycle.servicefile import ServiceFile

VARIABLE = "LIFECYCLE_BUILD_CACHE"
"""The variable with the folder of all caches of a build machine. One without it keeps no caches."""

_NEWEST = 3  # of a service; older ones are deleted
_FACTS = "facts.json"
_DIGITS = 32


@dataclass(frozen=True, slots=True)
class Cache:
    """The cache of one service: `home` has a folder for each name, with the content and the seconds that it took."""

    home: Path
    name: str
    folders: tuple[str, ...]

    def restore(self, folder: Path) -> float | None:
        """Copy the cached folders into the clone; return the seconds that the commands took without them, or None."""
        saved = self.home / self.name
        wanted = [each for each in self.folders if not (folder / each).exists()]
        try:
            seconds = float(json.loads((saved / _FACTS).read_text())["seconds"])
            for each in wanted:
                if (saved / each).is_dir():
                    shutil.copytree(saved / each, folder / each, symlinks=True)
            (saved / _FACTS).touch()
        except (OSError, ValueError, KeyError, TypeError):
            # Half a folder is worse than none. The next build that passes saves it again.
            for part in (saved, *(folder / each for each in wanted)):
                shutil.rmtree(part, ignore_errors=True)
            return None
        return seconds

    def save(self, folder: Path, seconds: float) -> bool:
        """Save the folders of a build that passed, unless another one did; return whether they were saved."""
        with suppress(OSError):
            self.home.mkdir(parents=True, exist_ok=True)
            new = Path(tempfile.mkdtemp(prefix="new-", dir=self.home))
            try:
                for each in self.folders:
                    if (folder / each).is_dir():
                        shutil.copytree(folder / each, new / each, symlinks=True)
                (new / _FACTS).write_text(json.dumps({"seconds": seconds}))
                new.rename(self.home / self.name)
            finally:
                shutil.rmtree(new, ignore_errors=True)
            self._forget_old()
            return True
        return False

    def _forget_old(self) -> None:
        caches = [each for each in self.home.iterdir() if (each / _FACTS).exists()]
        newest_first = sorted(caches, key=lambda each: (each / _FACTS).stat().st_mtime, reverse=True)
        for each in newest_first[_NEWEST:]:
            shutil.rmtree(each, ignore_errors=True)


def cache_of(folder: Path, file: ServiceFile, repository: str, home: Path) -> Cache:
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
    owner = hashlib.sha256(repository.encode()).hexdigest()[:8]
    return Cache(home / f"{file.name}-{owner}", name.hexdigest()[:_DIGITS], build.cache)


def run_cached(
    cache: Cache | None, folder: Path, run: Callable[[], object], print_line: Callable[[str], None]
) -> None:
    """Run the commands with the cached folders, and save the folders afterwards; print the seconds saved."""
    if cache is None:
        run()
        return
    shown, begun = ", ".join(cache.folders), time.monotonic()
    before = cache.restore(folder)
    restored = time.monotonic() - begun
    print_line(
        f"== cache: {shown} restored in {restored:.1f} s" if before is not None else f"== cache: no {shown} yet"
    )
    run()
    took = time.monotonic() - begun
    if before is not None:
        print_line(f"== cache: {took:.1f} s with it, {before:.1f} s without: saved {max(0.0, before - took):.1f} s")
    elif cache.save(folder, took):
        print_line(f"== cache: {shown} saved for later builds")

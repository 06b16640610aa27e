"""The commands of this host: those that a version needs, and the runtimes among them, which the agent reports."""

import os
import shutil
import time
from collections.abc import Callable, Mapping

from apps.agent.errors import LacksCommands
from lifecycle.domain.service.manifest import Manifest
from lifecycle.domain.service.needs import MOST_REPORTED, is_runtime

_READ_AGAIN_SECONDS = 60.0


def check_needs(manifest: Manifest, environment: Mapping[str, str], host: str) -> None:
    """Raise LacksCommands for a version that needs a command which is not in the PATH of its service."""
    path = environment.get("PATH", os.defpath)
    if missing := [name for name in manifest.run.needs if shutil.which(name, path=path) is None]:
        raise LacksCommands(host, manifest.version, missing)


def runtimes(path: str) -> tuple[str, ...]:
    """Return the runtimes in the folders of PATH, sorted; a folder that cannot be read has none."""
    found: set[str] = set()
    for folder in filter(os.path.isabs, path.split(os.pathsep)):
        try:
            names = [each.name for each in os.scandir(folder) if is_runtime(each.name)]
        except OSError:
            continue
        found.update(name for name in names if shutil.which(name, path=folder))
    return tuple(sorted(found)[:MOST_REPORTED])


class Runtimes:
    """The runtimes of this host's PATH, which are read again after a minute: a person may install one."""

    def __init__(self, elapsed: Callable[[], float] = time.monotonic) -> None:
        self._elapsed = elapsed
        self._read_at = float("-inf")
        self._found: tuple[str, ...] = ()

    def found(self) -> tuple[str, ...]:
        if self._elapsed() - self._read_at > _READ_AGAIN_SECONDS:
            self._read_at = self._elapsed()
            self._found = runtimes(os.environ.get("PATH", os.defpath))
        return self._found

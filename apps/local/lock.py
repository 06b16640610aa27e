"""The lock of an environment's folder, which `up`, `down`, `add` and `remove` hold while they work.

These commands delete `hosts`, `builds`, `dispatcher` and `tmp` in LIFECYCLE_HOME. Another project may have folders
of these names, so the lock also proves that the folder belongs to an environment.
"""

import contextlib
import fcntl
import os
import shlex
import time
from collections.abc import Iterator
from typing import IO

from apps.local.errors import LaptopError
from apps.local.own_files import check_folder
from apps.local.paths import Layout
from apps.local.progress import Progress

# The slowest command is an `up` that synthesises and deploys everything on a busy machine.
_LONGEST_SECONDS = 600.0
_AGAIN_SECONDS = 0.1


@contextlib.contextmanager
def locked(layout: Layout, progress: Progress, longest_seconds: float = _LONGEST_SECONDS) -> Iterator[None]:
    """Let one command at a time work on this environment; another one waits for it, and says so.

    A file that the command makes is readable by a service's own user, whatever the person's umask is. Folders with
    secrets are closed one by one. Raises LaptopError if the other command takes too long, or if the folder is not an
    environment's.
    """
    _refuse_foreign_folder(layout)
    layout.home.mkdir(parents=True, exist_ok=True)
    with layout.lock.open("a") as file:
        if not _taken(file):
            progress.say(f"Another command works on the environment in {layout.home}; this one waits until it ends.")
            _wait(layout, file, longest_seconds)
        before = os.umask(0o022)
        try:
            yield
        finally:
            os.umask(before)


def _wait(layout: Layout, file: IO[str], longest_seconds: float) -> None:
    deadline = time.monotonic() + longest_seconds
    while not _taken(file):
        if time.monotonic() > deadline:
            raise LaptopError(
                f"expected the other command on the environment in {layout.home} to end within "
                f"{longest_seconds:.0f} s, found that it still works; end it, then run this one again"
            )
        time.sleep(_AGAIN_SECONDS)


def _taken(file: IO[str]) -> bool:
    """Take the lock; return False if another command holds it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _refuse_foreign_folder(layout: Layout) -> None:
    """Raise LaptopError unless the folder is this user's, and new, empty, or marked as an environment's."""
    expected = "expected LIFECYCLE_HOME to be an environment's folder, an empty folder or a new one"
    if layout.home.is_dir():
        check_folder(layout.home)
    if not layout.home.exists() or _is_marked(layout):
        return
    if not layout.home.is_dir():
        raise LaptopError(f"{expected}, found a file: {layout.home}; choose another")
    if found := sorted(path.name for path in layout.home.iterdir()):
        raise LaptopError(
            f"{expected}, found {layout.home} with {', '.join(found[:3])}{', ...' * (len(found) > 3)} and no `lock` "
            f"of an environment; nothing was changed. Choose another, such as {layout.home / '.lifecycle'}. If this "
            f"was an environment before, run: touch {shlex.quote(str(layout.lock))}"
        )


def _is_marked(layout: Layout) -> bool:
    """Return True if the lock file exists: an empty file, the first one that an environment makes."""
    return layout.lock.is_file() and layout.lock.stat().st_size == 0

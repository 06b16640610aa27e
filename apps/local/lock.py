"""The lock of an environment's folder, which `up`, `down` and `add` hold while they work.

These commands delete `hosts`, `builds`, `dispatcher` and `tmp` in LIFECYCLE_HOME. Another project may have folders
of these names, so the lock also proves that the folder belongs to an environment.
"""

import contextlib
import fcntl
from collections.abc import Iterator

from apps.local.errors import LaptopError
from apps.local.paths import Layout


@contextlib.contextmanager
def locked(layout: Layout) -> Iterator[None]:
    """Let one `up`, `down` or `add` at a time work on this environment.

    Raises LaptopError if another command holds the lock, or if the folder is not an environment's.
    """
    _refuse_foreign_folder(layout)
    layout.home.mkdir(parents=True, exist_ok=True)
    with layout.lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LaptopError(
                f"another command is working on the environment in {layout.home}; wait until it ends"
            ) from error
        yield


def _refuse_foreign_folder(layout: Layout) -> None:
    """Raise LaptopError unless the folder is new, empty, or marked as an environment's."""
    expected = "expected LIFECYCLE_HOME to be an environment's folder, an empty folder or a new one"
    if not layout.home.exists() or _is_marked(layout):
        return
    if not layout.home.is_dir():
        raise LaptopError(f"{expected}, found a file: {layout.home}; choose another")
    if found := sorted(path.name for path in layout.home.iterdir()):
        raise LaptopError(
            f"{expected}, found {layout.home} with {', '.join(found[:3])}{', ...' * (len(found) > 3)} and no `lock` "
            f"of an environment; nothing was changed. Choose another, such as {layout.home / '.lifecycle'}. If this "
            f"was an environment before, run: touch {layout.lock}"
        )


def _is_marked(layout: Layout) -> bool:
    """Return True if the lock file exists: an empty file, the first one that an environment makes."""
    return layout.lock.is_file() and layout.lock.stat().st_size == 0

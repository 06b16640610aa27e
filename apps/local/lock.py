"""Whose folder LIFECYCLE_HOME is, and who works in it: what every command asks before it changes anything there.

`up`, `down` and `add` hold `locked`. They delete `hosts`, `builds`, `dispatcher` and `tmp` of their folder, which
somebody's project may have too.
"""

import contextlib
import fcntl
from collections.abc import Iterator

from apps.local.errors import LaptopError
from apps.local.paths import Layout


@contextlib.contextmanager
def locked(layout: Layout) -> Iterator[None]:
    """Let one `up`, `down` or `add` at a time work on this environment; raises LaptopError in a stranger's folder."""
    _refuse_a_strangers(layout)
    layout.home.mkdir(parents=True, exist_ok=True)
    with layout.lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LaptopError(
                f"another command is working on the environment in {layout.home}; wait for it"
            ) from error
        yield


def _refuse_a_strangers(layout: Layout) -> None:
    """Raise LaptopError unless the home is new, empty, or has the mark of an environment."""
    expected = "expected LIFECYCLE_HOME to be an environment's folder, an empty one or a new one"
    if not layout.home.exists() or _is_marked(layout):
        return
    if not layout.home.is_dir():
        raise LaptopError(f"{expected}, found a file: {layout.home}; choose another")
    if found := sorted(path.name for path in layout.home.iterdir()):
        raise LaptopError(
            f"{expected}, found {layout.home} with {', '.join(found[:3])}{', ...' * (len(found) > 3)} and no `lock` "
            f"of an environment; nothing was changed. Choose another, such as {layout.home / '.lifecycle'}; or, if "
            f"this was an environment before: touch {layout.lock}"
        )


def _is_marked(layout: Layout) -> bool:
    """Whether the lock is there: an empty file, the first that was ever made in an environment, and never removed."""
    return layout.lock.is_file() and layout.lock.stat().st_size == 0

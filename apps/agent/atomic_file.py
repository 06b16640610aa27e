"""Small files that a crash leaves with the old text or the new, never with a part. Used by all that keeps state."""

import contextlib
import os
from pathlib import Path

from apps.agent.errors import FULL_ERRORS

_RESERVE_BYTES = 256 * 1024


def write_atomically(path: Path, text: str) -> None:
    """Replace a file by a rename. The new text is on the disk when this returns; an error leaves no new file.

    A folder that somebody removed is made again.
    """
    new = path.with_name(f"{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123 - a descriptor, not a path
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        new.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            new.unlink(missing_ok=True)
        raise


def write_despite_full_disk(path: Path, text: str) -> None:
    """Replace a file atomically; on a full disk, take the space of the file `reserve` beside it.

    Whenever there is space, the reserve is made again.
    """
    reserve = path.with_name("reserve")
    try:
        write_atomically(path, text)
    except OSError as error:
        if error.errno not in FULL_ERRORS or not reserve.exists():
            raise
        reserve.unlink()
        write_atomically(path, text)
    else:
        keep_reserve(reserve)


def keep_reserve(reserve: Path) -> None:
    """Make the file whose space is for small writes on a full disk, unless there is one, or no space for it."""
    if reserve.exists():
        return
    try:
        descriptor = os.open(reserve, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, _RESERVE_BYTES)
        finally:
            os.close(descriptor)
    except OSError:
        with contextlib.suppress(OSError):
            reserve.unlink(missing_ok=True)


def read_or_none(path: Path) -> str | None:
    """Return a file's text, or None when there is no such file. Bytes that are no text are replaced.

    So a damaged file reaches its reader, which says what to do about it, and does not end the agent.
    """
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None

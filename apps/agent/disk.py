"""Small files that survive a crash whole, and the lock that keeps a second agent out of the same folder."""

import fcntl
import os
from pathlib import Path

from apps.agent.errors import HomeInUse


def write_whole(path: Path, text: str) -> None:
    """Replace a file by a rename, on the disk before this returns: a crash leaves the old text or the new."""
    new = path.with_name(f"{path.name}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123 - a descriptor, not a path
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    new.replace(path)


def read_or_none(path: Path) -> str | None:
    """A file's text, or None when there is no such file."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


class HomeLock:
    """Held while an agent works in `home`; the kernel frees it with the process, however that ends."""

    def __init__(self, home: Path) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self._file = (home / "agent.lock").open("a+", encoding="utf-8")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.seek(0)
            holder = self._file.read().strip() or "unknown"
            self._file.close()
            raise HomeInUse(str(home), holder) from error
        self._file.truncate(0)
        self._file.write(f"{os.getpid()}\n")
        self._file.flush()

    def release(self) -> None:
        self._file.close()

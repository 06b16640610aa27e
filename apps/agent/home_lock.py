"""The lock that keeps a second agent out of the same folder. Taken by __main__.py."""

import contextlib
import fcntl
import os
from pathlib import Path

from apps.agent.errors import HomeInUse


class HomeLock:
    """A lock on `home`, held while an agent uses it. The kernel frees it when the process ends, also in a crash."""

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
        with contextlib.suppress(OSError):  # the pid is for a message only; a full disk must not end the agent
            os.pwrite(self._file.fileno(), f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        self._file.close()

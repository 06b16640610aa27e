"""How a build is ended from outside: stopped, out of time, or the whole service going down."""

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any


class CancelledError(Exception):
    """The build was ended from outside; its message is the build's status."""


class Cancellation:
    """Knows the build's processes, each the leader of its own group, and kills them on `cancel`."""

    def __init__(self) -> None:
        self.status = ""
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()

    def cancel(self, status: str) -> None:
        """End the build with this status, unless it is being ended already."""
        with self._lock:
            self.status = self.status or status
            for process in self._running:
                kill_group(process)

    def check(self) -> None:
        """Raise CancelledError if the build was ended."""
        if self.status:
            raise CancelledError(self.status)

    @contextlib.contextmanager
    def process(self, command: Sequence[str], **options: Any) -> Iterator[subprocess.Popen[bytes]]:
        """A process in a group of its own; nothing of the group is left at the end."""
        with self._lock:
            self.check()
            # A group, not a session: what ends this service's session ends its builds too.
            options.setdefault("stdin", subprocess.DEVNULL)
            child = subprocess.Popen(command, process_group=0, **options)
            self._running.add(child)
        try:
            yield child
        finally:
            with self._lock:
                self._running.discard(child)
            kill_group(child)
            child.wait()
            for pipe in (child.stdin, child.stdout):
                if pipe:
                    pipe.close()

    def run(self, command: Sequence[str], folder: Path, environment: dict[str, str]) -> tuple[int, str]:
        """Run a command; its exit status and output. Raises CancelledError."""
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        with self.process(command, cwd=folder, env=environment, **pipes) as child:
            output = child.stdout.read() if child.stdout else b""
            status = child.wait()
        self.check()
        return status, output.decode("utf-8", "replace")


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and all that it started in its group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)

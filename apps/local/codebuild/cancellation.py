"""Ends a build from outside: it was stopped, it timed out, or the whole service ends."""

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from apps.build import process_tree


class CancelledError(Exception):
    """The build was ended from outside; the message is the build's status."""


class Cancellation:
    """The processes of a build, each the leader of its own group; `cancel` kills them with all that they started."""

    def __init__(self) -> None:
        self.status = ""
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()

    def cancel(self, status: str) -> None:
        """End the build with this status, unless it is ending already."""
        with self._lock:
            self.status = self.status or status
            for process in self._running:
                _kill(process)

    def check(self) -> None:
        """Raise CancelledError if the build was ended."""
        if self.status:
            raise CancelledError(self.status)

    @contextlib.contextmanager
    def process(self, command: Sequence[str], **options: Any) -> Iterator[subprocess.Popen[bytes]]:
        """Start a process in a group of its own; kill it at the end, with all processes below it and in its group."""
        with self._lock:
            self.check()
            # A group, not a session: a signal to this service's session also ends its builds.
            options.setdefault("stdin", subprocess.DEVNULL)
            child = subprocess.Popen(command, process_group=0, **options)
            self._running.add(child)
        try:
            yield child
        finally:
            with self._lock:
                self._running.discard(child)
            _kill(child)
            child.wait()
            for pipe in (child.stdin, child.stdout):
                if pipe:
                    pipe.close()

    def run(self, command: Sequence[str], folder: Path, environment: dict[str, str]) -> tuple[int, str]:
        """Run a command; return its exit status and output. Raises CancelledError."""
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        with self.process(command, cwd=folder, env=environment, **pipes) as child:
            output = child.stdout.read() if child.stdout else b""
            status = child.wait()
        self.check()
        return status, output.decode("utf-8", "replace")


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a process, everything below it, whatever its session, and everything in its group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if process.poll() is None:
            os.kill(process.pid, signal.SIGSTOP)  # a shell would begin its next command
            process_tree.end_all(process.pid)
        os.killpg(process.pid, signal.SIGKILL)

"""The run of a version's release command: once, beside the service, until it ends or must be ended.

Called by installer.py. It has a runner (run_to_end.py), so that nothing outlives it. Its processes carry a mark of
their own, so that the running service is never touched. Its output goes to `logs/release.log`.
"""

import contextlib
import math
import os
import shutil
import time
import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from apps.agent import command_runner, leftovers, processes, service_log
from apps.agent.command_runner import TimedCommand
from apps.agent.errors import FULL_DISK, LeftBehind
from apps.agent.processes import Process
from apps.agent.service import Service

END_SECONDS = 10.0
"""The time between SIGTERM and SIGKILL for a release command that must end."""
_ASK_SECONDS = 1.0
_LEAST_FREE_BYTES = 1024**2
_NOT_FOUND, _NOT_EXECUTABLE = 127, 126
_HINTS = {
    _NOT_FOUND: "; sh did not find the command: is it in the artifact, or in a folder of PATH?",
    _NOT_EXECUTABLE: "; the file cannot be executed: give it the mode 755 in the artifact, and an interpreter",
}


@dataclass(frozen=True, slots=True)
class ReleaseEnd:
    """The end of a release command: `problem` is empty after exit code 0; `left` says what could not be ended.

    It was `interrupted` when something else than its exit or its time ended it.
    """

    problem: str = ""
    left: str = ""
    interrupted: bool = False


class _Search(leftovers.Search):
    """A search for the processes of release commands alone: by their mark, or by their output."""

    def __init__(self, mark: str, log: Path, session: int | None = None) -> None:
        super().__init__(mark, [log], adopts=False)
        self._of_command = session

    def _belongs(self, each: Process, environment: frozenset[bytes], sessions: Collection[int]) -> bool:
        return each.session == self._of_command or super()._belongs(each, environment, sessions)


class ReleaseRunner:
    """The release commands of one agent's folder. Use it from one thread only."""

    def __init__(self, home: Path, service: Service) -> None:
        self._service = service
        self._log = home / "logs" / "release.log"
        self._mark = f"{leftovers.mark_of(home)}.release"

    def run(
        self,
        command: str,
        folder: Path,
        environment: Mapping[str, str],
        seconds: float,
        must_end: Callable[[], str],
    ) -> ReleaseEnd:
        """Run the command to its end, and end everything that it left.

        `must_end` is asked every second and returns why the command must end before, or nothing.
        """
        marked = {**environment, leftovers.MARK: f"{self._mark}.{uuid.uuid4().hex}"}
        try:
            timed = TimedCommand(command, folder, marked, math.inf, END_SECONDS)  # this agent ends it in time
            pid = command_runner.start(timed, self._log, self._service.account, lambda _: None)
        except OSError as error:
            return ReleaseEnd(f"it could not begin: {error}{self._disk_hint()}")
        self._service.spared = pid
        search = _Search(self._mark, self._log, pid)
        try:
            with service_log.trimming(self._log):
                end = _wait(pid, seconds, must_end)
        finally:
            left = self._end(search)
            os.waitpid(pid, os.WNOHANG)
            self._service.spared = 0
            service_log.trim(self._log)
        return replace(end, problem=end.problem and f"{end.problem}{self._disk_hint()}", left=left)

    def forget_output(self) -> None:
        """Remove the output of the last command, so that it cannot be taken for the next one's."""
        for file in (self._log, service_log.older(self._log)):
            file.unlink(missing_ok=True)

    def output(self, mask: Callable[[str], str]) -> str:
        """Return the last lines that the command printed, masked before they are cut."""
        return service_log.tail(self._log, 0.0, mask)

    def add_to_service_log(self, text: str) -> None:
        """Add lines to the service's log, which is sent to CloudWatch; on a full disk, leave them out."""
        with contextlib.suppress(OSError), self._service.log.open("a", encoding="utf-8") as log:
            log.write(text)

    def end_leftovers(self) -> str:
        """End the processes of an interrupted command; return what could not be ended, or nothing."""
        return self._end(_Search(self._mark, self._log))

    def _end(self, search: _Search) -> str:
        try:
            self._service.end_processes(lambda: _parents_first(search.find(())), END_SECONDS)
        except LeftBehind as error:
            return str(error)
        return ""

    def _disk_hint(self) -> str:
        full = shutil.disk_usage(self._log.parent).free < _LEAST_FREE_BYTES
        return f"; {FULL_DISK}" if full else ""


def _parents_first(found: list[Process]) -> list[Process]:
    """Return processes in the order in which they are signalled: a shell whose child ends first begins the next."""
    return sorted(found, key=lambda each: (each.started, each.pid))


def _wait(pid: int, seconds: float, must_end: Callable[[], str]) -> ReleaseEnd:
    """Wait for the command's runner; return how it ended, or why it must be ended."""
    began = time.monotonic()
    while (code := _exit_code(pid)) is None:
        waited = time.monotonic() - began
        if waited >= seconds:
            return ReleaseEnd(
                f"it did not end within {seconds:g} s; make it shorter, or raise release.timeout_seconds"
            )
        if reason := must_end():
            return ReleaseEnd(f"the agent ended it after {waited:.0f} s: {reason}", interrupted=True)
        processes.await_end(pid, min(_ASK_SECONDS, max(seconds - (time.monotonic() - began), 0.0)))
    if code == 0:
        return ReleaseEnd()
    how = f"exit code {code}" if code > 0 else processes.signal_name(-code)
    return ReleaseEnd(f"{how}{_HINTS.get(code, '')}")


def _exit_code(pid: int) -> int | None:
    """Return the exit code of a child, or its signal as a negative number; None while it runs."""
    # It is not reaped yet: while it is a zombie, no other session can have its number.
    ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    if ended is None:
        return None
    return ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status

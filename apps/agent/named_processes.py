"""The processes of one start of a service: that of `[run]`, and one for each table of `[processes]`.

Used by service.py. They run the same bytes with the same environment, and are started and stopped together.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from apps.agent import processes
from apps.agent.processes import Process
from lifecycle.domain.service.manifest import MAIN_PROCESS

VARIABLE = "LIFECYCLE_PROCESS"
"""The variable that tells a process its name."""


@dataclass(frozen=True, slots=True)
class NamedProcess:
    """One process of a start; `ticks` (start time) distinguishes its pid from a later reuse."""

    name: str
    pid: int
    ticks: int
    stop_seconds: float

    def lives(self) -> bool:
        """Return whether it still runs, on the kernel that started it."""
        found = processes.process(self.pid)
        return found is not None and found.started == self.ticks and not found.dead


def log_of(main_log: Path, name: str) -> Path:
    """Return the log of a process: each has its own, so that no line needs a mark."""
    return main_log if name == MAIN_PROCESS else main_log.with_name(f"service.{name}.log")


def name_of(log: Path) -> str:
    """Return the name of the process that writes a log; empty for the main process."""
    return log.name.removeprefix("service").removesuffix(".1").removesuffix(".log").removeprefix(".")


def logs(main_log: Path) -> list[Path]:
    """Return the logs in the folder of the main log, that one first; the older files are left out."""
    others = {each.with_name(each.name.removesuffix(".1")) for each in main_log.parent.glob("service.*.log*")}
    return [main_log, *sorted(each for each in others if each.suffix == ".log" and each != main_log)]


def environment_of(name: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of one process. Only the main process has a port to bind to."""
    return {key: value for key, value in environment.items() if key != "PORT" or name == MAIN_PROCESS} | {
        VARIABLE: name
    }


class Limits:
    """The time that each process of a start has between SIGTERM and SIGKILL.

    What a process started has its limit; what cannot be told apart has the longest one.
    """

    def __init__(self, of: Sequence[NamedProcess], kill: Callable[[Process], None]) -> None:
        self._by_session = {each.pid: each.stop_seconds for each in of}
        self._by_name = {f"{VARIABLE}={each.name}".encode(): each.stop_seconds for each in of}
        self._kill = kill
        self._began: float | None = None

    @property
    def longest(self) -> float:
        return max(self._by_session.values())

    def enforce(self, found: list[Process]) -> list[Process]:
        """Kill those whose own time is over since the first call; return all that were found."""
        now = time.monotonic()
        if self._began is None:
            self._began = now
            return found
        passed = now - self._began
        for each in found if passed > min(self._by_session.values()) else ():
            if passed > self._seconds(each):
                self._kill(each)
        return found

    def _seconds(self, each: Process) -> float:
        if each.session in self._by_session:
            return self._by_session[each.session]
        named = (self._by_name[pair] for pair in processes.environment(each.pid) if pair in self._by_name)
        return next(named, self.longest)

"""The processes of a service's starts, in whatever session and with whatever parent they run now.

Used by service.py. Every start has a mark in its environment, which its processes inherit. A process may have
replaced its environment. Then its session, its parents or its output still tell whose it is. So do its working folder
or program, if below that of the releases, and the control group of the agent's systemd unit: nothing else runs there.
"""

import hashlib
import os
import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from apps.agent import processes
from apps.agent.processes import Process

MARK = "LIFECYCLE_START"
"""The variable that each start adds to the service's environment: the mark of the agent's folder, then the boot."""

UNIT = re.compile(r"lifecycle-agent(@[^/]*)?\.service")
"""The systemd unit of an agent (infra/install_agent.sh), which starts nothing but the service."""

_IDENTITY = ("HOST", "PORT", "LIFECYCLE_SERVICE", "LIFECYCLE_ENVIRONMENT", "LIFECYCLE_HOST")


def mark_of(home: Path) -> str:
    """Return the mark of an agent's folder, which no other folder of this machine has."""
    found = home.stat()
    return hashlib.sha256(f"{home.resolve()} {found.st_dev} {found.st_ino}".encode()).hexdigest()[:16]


def own_unit(cgroup: str) -> str:
    """Return the control group of an agent that systemd has started as its own unit; empty for any other group."""
    return cgroup if UNIT.fullmatch(cgroup.rpartition("/")[2]) else ""


class Search:
    """A repeated search for the living processes of every start with this mark, and of the last start.

    `adopts` says that this process becomes the parent of what the service leaves (`processes.adopt_orphans`). `unit`
    is the control group of the agent's own systemd unit, if it has one: it outlives a restart of the agent. In the
    folder `releases` nothing but the service has its working folder or program, except a person's shell. Only the
    first search reads every process of the machine; a process that does not belong is not read again.
    """

    def __init__(
        self, mark: str, logs: Iterable[Path], *, adopts: bool, unit: str = "", releases: Path | None = None
    ) -> None:
        self._prefix = f"{MARK}={mark}.".encode()
        self._logs = frozenset(map(str, logs))
        self._me = processes.process(os.getpid()) if adopts else None
        self._strangers = _line(os.getpid())
        self._unit, self._session = unit, os.getsid(0)
        self._releases = releases.resolve() if releases else None

    def find(self, sessions: Collection[int]) -> list[Process]:
        """Return the processes that live now; `sessions` are those of the last start. None found: it is repeated.

        A process that begins another one and ends, both during a search, would hide it.
        """
        return self._found(sessions) or self._found(sessions)

    def _found(self, sessions: Collection[int]) -> list[Process]:
        read = (processes.process(pid) for pid in processes.pids() if pid not in self._strangers)
        known = {each.pid: each for each in read if each and not each.dead}
        self._strangers |= {each.pid for each in known.values() if each.is_of_kernel}
        candidates = [each for each in known.values() if each.pid not in self._strangers]
        environments = {each.pid: processes.environment(each.pid) for each in candidates}
        ours = [each for each in candidates if self._belongs(each, environments[each.pid], sessions)]
        found = _with_descendants(known, ours)
        # A process that just begins another program has no environment for a moment, and one whose parent ended
        # after it was read gets another parent.
        self._strangers |= {
            each.pid
            for each in candidates
            if environments[each.pid] and each.pid not in found and {each.parent} <= {0, *known, *self._strangers}
        }
        return list(found.values())

    def _belongs(self, each: Process, environment: frozenset[bytes], sessions: Collection[int]) -> bool:
        if each.session in sessions:
            return True
        if self._me and each.parent == self._me.pid and each.session != self._me.session:
            return True
        if self._unit and each.session != self._session and processes.cgroup(each.pid) == self._unit:
            return True
        if self._logs & processes.output_files(each.pid) or self._is_in_release(each):
            return True
        return any(pair.startswith(self._prefix) for pair in environment)

    def _is_in_release(self, each: Process) -> bool:
        if self._releases is None or each.terminal or each.session == self._session:
            return False
        return any(place.is_relative_to(self._releases) for place in processes.places(each.pid))


def _line(pid: int) -> set[int]:
    """Return a process and its parents, up to the first."""
    line: set[int] = set()
    while pid and pid not in line:
        line.add(pid)
        found = processes.process(pid)
        pid = found.parent if found else 0
    return line


def _with_descendants(known: Mapping[int, Process], of: Iterable[Process]) -> dict[int, Process]:
    """Return these processes and their descendants by pid."""
    children: dict[int, list[Process]] = {}
    for each in known.values():
        children.setdefault(each.parent, []).append(each)
    waiting, found = list(of), {}
    while waiting:
        each = waiting.pop()
        if each.pid not in found:
            found[each.pid] = each
            waiting += children.get(each.pid, ())
    return found


def is_start_without_mark(found: Process, environment: Mapping[str, str]) -> bool:
    """Return whether an agent without marks started this process, as the service with this environment."""
    pairs = processes.environment(found.pid)
    marked = any(pair.startswith(f"{MARK}=".encode()) for pair in pairs)
    return not marked and all(f"{name}={environment.get(name, '')}".encode() in pairs for name in _IDENTITY)


def version_of(found: Process) -> str:
    """Return the version of the service whose start left this process; empty when it does not say."""
    prefix = b"LIFECYCLE_VERSION="
    pairs = processes.environment(found.pid)
    return next((pair[len(prefix) :].decode(errors="replace") for pair in pairs if pair.startswith(prefix)), "")

"""Processes and listening ports, read from /proc. Used by service.py and self_test.py.

The kernel reuses pids, so a pid alone does not identify a process. A pid and its start time do, until the next boot.
"""

import contextlib
import os
import select
import socket
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_PROC = Path("/proc")
_LISTEN = "0A"
_ANY = {"00000000", "0" * 32}


@dataclass(frozen=True, slots=True)
class Process:
    """One line of /proc/<pid>/stat; `started` is in clock ticks since the boot."""

    pid: int
    state: str
    group: int
    started: int

    @property
    def dead(self) -> bool:
        """True for a zombie, which only waits to be reaped and holds no port."""
        return self.state in ("Z", "X")


def process(pid: int) -> Process | None:
    """Return the process that has this pid now; None when there is none."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The command's name is in parentheses, and may contain spaces and parentheses itself.
    fields = text.rpartition(")")[2].split()
    return Process(pid, state=fields[0], group=int(fields[2]), started=int(fields[19]))


@cache
def kernel_boot() -> str:
    """Return the kernel's random id of the current boot."""
    return (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def group_alive(group: int) -> bool:
    """Return whether any process of a group still runs; zombies do not count."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    # Usually the leader is the last to end. Reading every process of a host takes a thousand times as long.
    leader = process(group)
    if leader is not None and leader.group == group and not leader.dead:
        return True
    return any(member.group == group and not member.dead for member in _processes())


def await_end(pid: int, seconds: float) -> None:
    """Sleep for so many seconds, or until a living process of this pid ends."""
    found = process(pid)
    if found is None or found.dead:
        time.sleep(seconds)
        return
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:  # it ended just now, or the kernel is too old
        time.sleep(seconds)
        return
    try:
        ended = select.poll()
        ended.register(descriptor, select.POLLIN)
        ended.poll(seconds * 1000)
    finally:
        os.close(descriptor)


def listener(address: str, port: int) -> str:
    """Describe the process that listens on a port, as `pid 41 (nginx -g ...)`, if this user may see it."""
    sockets = set(_listening_sockets(address, port))
    for found in _processes():
        with contextlib.suppress(OSError):
            descriptors = (_PROC / str(found.pid) / "fd").iterdir()
            if any(str(descriptor.readlink()) in sockets for descriptor in descriptors):
                return f"pid {found.pid} ({command_line(found.pid)})"
    return "a process that this user may not see"


def command_line(pid: int) -> str:
    """Return a process's command line, at most 200 characters; `?` when this user may not see it."""
    try:
        words = (_PROC / str(pid) / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return "?"
    return b" ".join(words).decode(errors="replace").strip()[:200] or "?"


def _processes() -> Iterator[Process]:
    for entry in os.listdir(_PROC):  # noqa: PTH208 - names only, and quickly
        if entry.isdigit() and (found := process(int(entry))):
            yield found


def _listening_sockets(address: str, port: int) -> Iterator[str]:
    wanted = _ANY | {_kernel_hex(address)}
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in (_PROC / "net" / table).read_text(encoding="ascii").splitlines()[1:]:
                fields = line.split()
                host, _, at = fields[1].partition(":")
                # An IPv4 address in the IPv6 table ends with its four bytes.
                known = host in wanted or host[-8:] in wanted
                if fields[3] == _LISTEN and int(at, 16) == port and known:
                    yield f"socket:[{fields[9]}]"


def _kernel_hex(address: str) -> str:
    """Return an IPv4 address as the kernel prints it; empty for other families, which only the wildcard matches."""
    try:
        (number,) = struct.unpack("=I", socket.inet_aton(address))
    except OSError:
        return ""
    return f"{number:08X}"

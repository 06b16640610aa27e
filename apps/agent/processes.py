"""Processes and listening ports, read from /proc. Used by service.py, leftovers.py and self_test.py.

The kernel reuses pids, so a pid alone does not identify a process. A pid and its start time do, until the next boot.
"""

import contextlib
import ctypes
import os
import select
import signal
import socket
import struct
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Self

_PROC = Path("/proc")
_LONGEST_COMMAND = 200
_LISTEN = "0A"
_ANY = {"00000000", "0" * 32}
_PF_KTHREAD = 0x00200000
_PR_SET_DUMPABLE = 4
_PR_SET_CHILD_SUBREAPER, _PR_GET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS = 36, 37, 38


@dataclass(frozen=True, slots=True)
class Process:
    """One line of /proc/<pid>/stat; `started` is in clock ticks since the boot, and `terminal` is 0 without one."""

    pid: int
    state: str
    parent: int
    group: int
    session: int
    terminal: int
    flags: int
    threads: int
    started: int

    @property
    def dead(self) -> bool:
        """True for a zombie, which only waits to be reaped and holds no port.

        A process whose main thread has ended shows the same state while its other threads run.
        """
        return self.state in ("Z", "X") and self.threads <= 1

    @property
    def is_of_kernel(self) -> bool:
        """True for a thread of the kernel, which runs no program."""
        return bool(self.flags & _PF_KTHREAD)


def process(pid: int) -> Process | None:
    """Return the process that has this pid now; None when there is none."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The command's name is in parentheses, and may contain spaces and parentheses itself.
    fields = text.rpartition(")")[2].split()
    state, parent, group, session, terminal = fields[0], *map(int, fields[1:5])
    flags, threads, started = int(fields[6]), int(fields[17]), int(fields[19])
    return Process(pid, state, parent, group, session, terminal, flags, threads, started)


def pids() -> list[int]:
    """Return the pids of all processes of this machine."""
    return [int(entry) for entry in os.listdir(_PROC) if entry.isdigit()]  # noqa: PTH208 - names only, and quickly


def _every_process() -> Iterator[Process]:
    """Return all processes of this machine; one that ends meanwhile may be left out."""
    for pid in pids():
        if found := process(pid):
            yield found


def _threads(pid: int) -> Iterator[Path]:
    """Yield the folder of a process, then those of its other threads: that of a main thread that ended is empty."""
    main = _PROC / str(pid)
    yield main
    with contextlib.suppress(OSError):
        yield from (main / "task" / each for each in os.listdir(main / "task") if each != str(pid))  # noqa: PTH208


def environment(pid: int) -> frozenset[bytes]:
    """Return the `NAME=value` pairs that a process began with; none when this user may not see them."""
    content = None
    for thread in _threads(pid):
        with contextlib.suppress(OSError):
            if content := (thread / "environ").read_bytes():
                break
    return frozenset(() if content is None else content.split(b"\0"))


def _descriptors(pid: int) -> Path:
    """Return the folder of a process's open files."""
    for thread in _threads(pid):
        with contextlib.suppress(OSError):
            if os.listdir(thread / "fd"):  # noqa: PTH208 - names only
                return thread / "fd"
    return _PROC / str(pid) / "fd"


def cgroup(pid: int) -> str:
    """Return the path of a process's control group, as systemd sees it; empty when this user may not see it."""
    with contextlib.suppress(OSError):
        for line in (_PROC / str(pid) / "cgroup").read_text(encoding="utf-8", errors="replace").splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers in ("", "name=systemd"):
                return path
    return ""


def output_files(pid: int) -> frozenset[str]:
    """Return the paths of a process's standard output and error; none when this user may not see them."""
    for thread in _threads(pid):
        found = set()
        for descriptor in ("1", "2"):
            with contextlib.suppress(OSError):
                found.add(str((thread / "fd" / descriptor).readlink()))
        if found:
            return frozenset(found)
    return frozenset()


def places(pid: int) -> frozenset[Path]:
    """Return a process's working folder and its program; none when this user may not see them."""
    found = set()
    for thread in _threads(pid):
        for name in ("cwd", "exe"):
            with contextlib.suppress(OSError):
                found.add((thread / name).readlink())
        if found:
            break
    return frozenset(found)


def send(to: Process, number: signal.Signals) -> None:
    """Send a signal to exactly this process; do nothing when it has ended, even if its pid was used again."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        descriptor = os.pidfd_open(to.pid)
        try:
            # The descriptor stays with the process that has the pid now, so it is compared after it was opened.
            now = process(to.pid)
            if now is not None and now.started == to.started:
                signal.pidfd_send_signal(descriptor, number)
        finally:
            os.close(descriptor)


def signal_name(number: int) -> str:
    """Return for example `SIGKILL`; a real-time signal has no name."""
    with contextlib.suppress(ValueError):
        return signal.Signals(number).name
    return f"signal {number}"


def adopt_orphans() -> None:
    """Make this process the parent of its descendants whose parents end, instead of the machine's first process."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # it cannot fail since Linux 3.4


def forbid_new_privileges() -> None:
    """Let neither this thread nor what it starts gain rights from a program, as sudo does."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def hide() -> None:
    """Keep other processes of this user from this one's environment, memory and open files."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def adopts_orphans() -> bool:
    """Return whether the descendants of this process become its children when their parents end."""
    found = ctypes.c_int()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_GET_CHILD_SUBREAPER, ctypes.byref(found), 0, 0, 0)
    return bool(found.value)


@cache
def kernel_boot() -> str:
    """Return the kernel's random id of the current boot."""
    return (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def await_end(pid: int, seconds: float) -> None:
    """Sleep for so many seconds, or until a living process of this pid ends."""
    found = process(pid)
    if found is None or found.dead:
        time.sleep(seconds)
        return
    with Ends([pid]) as ends:
        ends.wait(seconds)


class Ends:
    """The ends of some processes, each reported once. As a block, it closes what it has opened.

    A wait is also over when `other`, an open descriptor, can be read.
    """

    def __init__(self, pids: Iterable[int], other: int | None = None) -> None:
        self._poll, self._open = select.poll(), set[int]()
        if other is not None:
            self._poll.register(other, select.POLLIN)
        for pid in pids:
            with contextlib.suppress(OSError):  # it has ended and was reaped, or the kernel is too old
                self._open.add(descriptor := os.pidfd_open(pid))
                self._poll.register(descriptor, select.POLLIN)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for each in tuple(self._open):
            self._close(each)

    def wait(self, seconds: float) -> bool:
        """Sleep for so many seconds, or until a process ends that had not; return whether one has."""
        ended = [descriptor for descriptor, _ in self._poll.poll(seconds * 1000) if descriptor in self._open]
        for each in ended:
            self._close(each)
        return bool(ended)

    def _close(self, descriptor: int) -> None:
        self._open.discard(descriptor)
        self._poll.unregister(descriptor)
        os.close(descriptor)


def listener(address: str, port: int) -> Process | None:
    """Return the process that listens on a port; None when this user may not see it."""
    sockets = set(_listening_sockets(address, port))
    for found in _every_process():
        with contextlib.suppress(OSError):
            descriptors = _descriptors(found.pid).iterdir()
            if any(_target(descriptor) in sockets for descriptor in descriptors):
                return found
    return None


def _target(link: Path) -> str:
    """Return the target of a link; empty if it was removed meanwhile, as of a file that another thread closed."""
    try:
        return str(link.readlink())
    except OSError:
        return ""


def described(found: Process | None) -> str:
    """Return for example `pid 41 (nginx -g ...)`."""
    return f"pid {found.pid} ({command_line(found.pid)})" if found else "a process that this user may not see"


def command_line(pid: int) -> str:
    """Return a process's command line; `?` when this user may not see it.

    It has whole words of at most 200 characters together: a part of a value could not be masked.
    """
    try:
        words = (_PROC / str(pid) / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return "?"
    line = b" ".join(words).decode(errors="replace").strip()
    if len(line) <= _LONGEST_COMMAND:
        return line or "?"
    fits = [word.decode(errors="replace") for word in words]
    while fits and len(" ".join(fits)) > _LONGEST_COMMAND - 2:
        fits.pop()
    return " ".join((*fits, "…"))


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

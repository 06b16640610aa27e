"""The environment's processes: started detached, recorded with their start time, ended as whole sessions.

The system may give a recorded pid to another process later. Only a process with the recorded pid and the recorded
start time is signalled.
"""

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import psutil

from apps.local.own_files import read_json
from apps.local.paths import Layout, write_json
from apps.local.priority import PriorityScope, command_prefix, lower_session, niceness

# psutil derives start times from the boot time, which moves a little when the clock is set.
_CLOCK_SLACK_SECONDS = 2.0
# A service may run as another user, who must be able to read its release whatever the person's umask is.
_SHELL = ("/bin/sh", "-c", 'umask 022 && cd "$0" && exec "$@"')


@dataclass(frozen=True, slots=True)
class Part:
    """One process of the environment, the leader of its own session; `started` is seconds since 1970."""

    name: str
    pid: int
    started: float
    command: tuple[str, ...]

    @property
    def alive(self) -> bool:
        process = _process(self.pid)
        if process is None:
            return False
        with contextlib.suppress(psutil.NoSuchProcess):
            same = abs(process.create_time() - self.started) <= _CLOCK_SLACK_SECONDS
            return same and process.status() != psutil.STATUS_ZOMBIE
        return False


def recorded(layout: Layout) -> dict[str, Part]:
    """Return every part that was started and not ended, dead ones included: by name, in the order of their start."""
    found = read_json(layout.processes, [])
    return {item["name"]: Part(item["name"], item["pid"], item["started"], tuple(item["command"])) for item in found}


def start(
    layout: Layout,
    name: str,
    command: Sequence[str],
    environment: Mapping[str, str],
    scope: PriorityScope = PriorityScope.ALL,
) -> Part:
    """Start a part detached, append its output to its log, and record it.

    `scope` says which of its processes get a lower priority if LIFECYCLE_NICE is set.
    """
    layout.logs.mkdir(parents=True, exist_ok=True)
    log = os.open(layout.log(name), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    try:
        pid = os.posix_spawn(
            "/bin/sh",
            [*_SHELL, str(layout.home), *command_prefix(scope, niceness()), *command],
            environment,
            file_actions=[
                (os.POSIX_SPAWN_DUP2, nothing, 0),
                *((os.POSIX_SPAWN_DUP2, log, descriptor) for descriptor in (1, 2)),
                *((os.POSIX_SPAWN_CLOSE, descriptor) for descriptor in _inherited()),
            ],
            setsid=True,
        )
    finally:
        os.close(log)
        os.close(nothing)
    lower_session(pid, scope, niceness())
    part = Part(name, pid, psutil.Process(pid).create_time(), tuple(command))
    _record(layout, {**recorded(layout), name: part})
    return part


def end(layout: Layout, parts: Sequence[Part], timeout_seconds: float = 5.0) -> list[int]:
    """End parts and everything in their sessions, and remove their records; return the pids that did not end."""
    members = {pid for part in parts for pid in session(part)}
    _signal(members, signal.SIGTERM)
    left = _wait(members, timeout_seconds)
    left |= {pid for part in parts for pid in session(part)}
    _signal(left, signal.SIGKILL)
    left = _wait(left, 5.0)
    names = {part.name for part in parts}
    _record(layout, {name: part for name, part in recorded(layout).items() if name not in names})
    return sorted(left)


def session(part: Part) -> set[int]:
    """Return the pids in a part's session, whether or not the part itself lives.

    The set is empty if the part's pid now belongs to another process.
    """
    if _process(part.pid) is not None and not part.alive and not _is_zombie(part.pid):
        return set()
    return {pid for pid in psutil.pids() if _session_of(pid) == part.pid and not _is_zombie(pid)}


def log_end(layout: Layout, name: str, lines: int = 15) -> str:
    """Return the last lines of a part's log."""
    try:
        text = layout.log(name).read_text(errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


def forget_files(layout: Layout) -> None:
    """Remove the files that only a running environment needs: processes.json, environment.json and `tmp`."""
    for path in (layout.processes, layout.environment):
        path.unlink(missing_ok=True)
    shutil.rmtree(layout.temporary, ignore_errors=True)


def _inherited() -> list[int]:
    """Return the descriptors that this process inherited, besides its standard streams.

    An example is the lock of `flock FILE make run`. A part outlives the command that starts it, and would hold the
    lock for as long.
    """
    open_now = (int(name) for name in os.listdir("/dev/fd"))  # noqa: PTH208 - these are numbers, not files
    return [descriptor for descriptor in open_now if descriptor > 2 and _is_inheritable(descriptor)]


def _is_inheritable(descriptor: int) -> bool:
    # The listing's own descriptor is closed already.
    with contextlib.suppress(OSError):
        return os.get_inheritable(descriptor)
    return False


def _record(layout: Layout, parts: Mapping[str, Part]) -> None:
    write_json(layout.processes, [asdict(part) for part in parts.values()])


def _process(pid: int) -> psutil.Process | None:
    try:
        return psutil.Process(pid)
    except (psutil.NoSuchProcess, ValueError):  # a part that was never started has a pid below 0
        return None


def _is_zombie(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _session_of(pid: int) -> int:
    try:
        return os.getsid(pid)
    except (ProcessLookupError, PermissionError):
        return -1


def _signal(pids: set[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def _wait(pids: set[int], timeout_seconds: float) -> set[int]:
    """Wait for processes to end, reaping our children; return the pids that are left."""
    deadline = time.monotonic() + timeout_seconds
    left = set(pids)
    while left:
        for pid in tuple(left):
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
            if not psutil.pid_exists(pid) or _is_zombie(pid):
                left.discard(pid)
        if not left or time.monotonic() > deadline:
            break
        time.sleep(0.02)
    return left

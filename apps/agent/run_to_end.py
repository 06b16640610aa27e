"""A program between the agent and a command that ends by itself: it runs the command, and nothing outlives it.

command_runner.py starts it as a file, without `site` and without the agent's modules. It becomes the parent of all
that the command leaves, whatever the session, the output or the environment (PR_SET_CHILD_SUBREAPER). It outlives the
agent, so it ends the command in time, and writes how it ended into a file.

Arguments: seconds, stop_seconds, ids, folder, end_file, command. `ids` are the user, the group and all groups of the
command, or nothing. Without an end_file it ends as the command did. The command's environment comes from standard
input, so that it is in no list of processes. Without it nothing begins.
"""

import contextlib
import ctypes
import math
import os
import resource
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

TIMED_OUT = "timeout"
EXIT = "exit "
SIGNAL = "signal "
"""The content of the end_file: the time was over, or one of these words and a number."""

_SH = "/bin/sh"
_KILL_SECONDS = 5.0
_KILL_PAUSE = 0.02
_LONGEST_WAIT = 3600.0
_PR_SET_CHILD_SUBREAPER = 36
_NEWS = (signal.SIGCHLD, signal.SIGTERM)


def packed(environment: Mapping[str, str]) -> bytes:
    """Return the bytes from which `_environment` reads an environment; they end with an empty entry."""
    return b"".join(os.fsencode(f"{name}={value}") + b"\0" for name, value in environment.items()) + b"\0"


def _environment() -> dict[bytes, bytes] | None:
    """Wait for the environment on standard input; None when the agent ended before it was whole."""
    text = b""
    while not (text == b"\0" or text.endswith(b"\0\0")):
        if not (more := os.read(0, 65536)):
            return None
        text += more
    pairs = (entry.partition(b"=") for entry in text.split(b"\0") if entry)
    return {name: value for name, _, value in pairs}


def _begin(command: str, folder: str, ids: str, environment: dict[bytes, bytes]) -> int:
    """Begin the command as its user, and return its pid."""
    # A group of its own: `kill 0` in the command reaches the command alone.
    if pid := os.fork():
        with contextlib.suppress(OSError):
            os.setpgid(pid, pid)  # whichever comes first, before any signal to the group
        return pid
    try:
        os.setpgid(0, 0)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        if ids:
            uid, gid, *groups = map(int, ids.split(","))
            os.setgroups(groups)
            os.setresgid(gid, gid, gid)
            os.setresuid(uid, uid, uid)
        os.chdir(folder)
        for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.execve(_SH, ["sh", "-c", command], environment)  # noqa: S606 - it is one  # nosec B606
    except OSError as error:
        os.write(2, f"the command could not begin: {error}\n".encode())
    finally:
        os._exit(1)


class _Run:
    """The run of one command, from its begin until no process of it is left."""

    def __init__(self, pid: int, seconds: float, stop_seconds: float) -> None:
        self._pid, self._stop_seconds = pid, stop_seconds
        self.timed_out = False
        self.status: int | None = None
        self._told = False  # a stop has sent SIGTERM to every process of the command
        self._kill_at = self._give_up_at = math.inf
        self._end_at = time.monotonic() + seconds

    def to_end(self) -> None:
        """Wait for the command's end, or end it in time; then end what it left."""
        while self._reap() and (now := time.monotonic()) < self._give_up_at:
            wait = self._act(now)
            received = signal.sigtimedwait(_NEWS, min(wait, _LONGEST_WAIT))
            self._told |= received is not None and received.si_signo == signal.SIGTERM

    def _reap(self) -> bool:
        """Reap what has ended; return whether any process is left."""
        try:
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                if ended[0] == self._pid:
                    self.status = os.waitstatus_to_exitcode(ended[1])
        except ChildProcessError:
            return False
        return True

    def _act(self, now: float) -> float:
        """Send the signals that are due; return the seconds until the next ones."""
        if self.status is None and now >= self._end_at:
            self.timed_out, self._end_at = True, math.inf
            self._kill_at = now + self._stop_seconds
            for number in (signal.SIGTERM, signal.SIGCONT):
                with contextlib.suppress(PermissionError):  # a command that became another user, as by sudo
                    os.killpg(self._pid, number)  # the pid is the command's until it is reaped
        elif self.status is not None and self._kill_at == math.inf:
            # What had a SIGTERM has its time to stop. What a command left that ended by itself has none.
            self._kill_at = now + (self._stop_seconds if self._told else 0.0)
        if now < self._kill_at:
            return max(min(self._end_at, self._kill_at) - now, 0.0)
        self._give_up_at = min(self._give_up_at, now + _KILL_SECONDS)
        for pid in _children():
            with contextlib.suppress(PermissionError):
                os.kill(pid, signal.SIGKILL)  # nobody else reaps a child, so this pid is no other process's
        return _KILL_PAUSE


def _children() -> list[int]:
    """Return the children of this process. What they leave become its children, and are found by the next search."""
    me = str(os.getpid())
    found = []
    for entry in os.listdir("/proc"):  # noqa: PTH208 - names only
        if entry.isdigit():
            try:
                stat = Path("/proc", entry, "stat").read_bytes()
            except OSError:
                continue
            if stat.rpartition(b")")[2].split()[1].decode() == me:
                found.append(int(entry))
    return found


def _end(status: int | None, end_file: str, *, timed_out: bool = False) -> int:
    """Say how the command ended; `status` is None for one that could not be killed."""
    if not end_file:
        return _end_as(-signal.SIGKILL if status is None else status)
    text = TIMED_OUT
    if status is not None and not timed_out:
        text = f"{EXIT}{status}" if status >= 0 else f"{SIGNAL}{-status}"
    new = Path(f"{end_file}.new")
    new.write_text(f"{text}\n", encoding="ascii")
    new.replace(end_file)
    return 0


def _end_as(status: int) -> int:
    """Return an exit code, or end by the signal that ended the command."""
    if status < 0:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if -status != signal.SIGKILL:
            signal.signal(-status, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.kill(os.getpid(), -status)
    return status


def main(arguments: Sequence[str]) -> int:
    """Run one command to its end."""
    seconds, stop_seconds, ids, folder, end_file, command = arguments
    # Nothing but SIGKILL ends this program before the command. A stop of the service signals both.
    signal.pthread_sigmask(signal.SIG_SETMASK, signal.valid_signals())
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    if (environment := _environment()) is None:
        return 1
    run = _Run(_begin(command, folder, ids, environment), float(seconds), float(stop_seconds))
    run.to_end()
    return _end(run.status, end_file, timed_out=run.timed_out)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

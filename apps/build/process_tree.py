"""The processes below one process, whatever their session or group: steps.py ends what a command leaves, and the
laptop's build endpoint a whole build.

A process that adopts orphans (PR_SET_CHILD_SUBREAPER, Linux 3.4) becomes their parent when their own one ends. So
nothing leaves its tree, not even a daemon.
"""

import contextlib
import ctypes
import os
import signal
import time
from collections import defaultdict
from collections.abc import Collection, Iterator
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36
_PAUSE_SECONDS = 0.02
_KILL_SECONDS = 5.0


@contextlib.contextmanager
def adopting_orphans() -> Iterator[None]:
    """Make this process the parent of its descendants whose parents end, until the block ends."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        prctl(_PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


def descendants(root: int) -> set[int]:
    """Return the pids of all living processes below a process.

    The search is repeated where it finds none: a process that begins another one and ends meanwhile would hide it.
    """
    return _search(root)[0] or _search(root)[0]


def end_all(root: int, spared: Collection[int] = (), grace_seconds: float = 0.0) -> set[int]:
    """End all processes below a process: SIGTERM, then SIGKILL after `grace_seconds`; return those that are left.

    `root` must adopt orphans. A caller that is the root reaps its dead children, and nobody else may wait for them.
    """
    if root == os.getpid() and _is_childless():
        return set()
    if grace_seconds:
        _signal(descendants(root).difference(spared), signal.SIGTERM)
        deadline = time.monotonic() + grace_seconds
        while _left(root, spared) and time.monotonic() < deadline:
            time.sleep(_PAUSE_SECONDS)
    deadline = time.monotonic() + _KILL_SECONDS
    while (left := _left(root, spared)) and time.monotonic() < deadline:
        _signal(left, signal.SIGKILL)
        time.sleep(_PAUSE_SECONDS)
    return left


def _is_childless() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return True
    return False


def _left(root: int, spared: Collection[int]) -> set[int]:
    living = descendants(root).difference(spared)
    if root == os.getpid():
        for pid in _search(root)[1].difference(spared):
            with contextlib.suppress(ChildProcessError):  # another process is its parent, and reaps it
                os.waitpid(pid, os.WNOHANG)
    return living


def _signal(pids: Collection[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def _search(root: int) -> tuple[set[int], set[int]]:
    """Return the pids below a process: of the living, and of the dead that nobody has reaped."""
    children = defaultdict[int, list[int]](list)
    dead = set()
    for entry in os.listdir("/proc"):  # noqa: PTH208 - names only
        if entry.isdigit() and (found := _parent_and_death(entry)):
            parent, is_dead = found
            children[parent].append(int(entry))
            if is_dead:
                dead.add(int(entry))
    below, waiting = set[int](), [root]
    while waiting:
        new = set(children[waiting.pop()]) - below
        below |= new
        waiting += new
    return below - dead, below & dead


def _parent_and_death(pid: str) -> tuple[int, bool] | None:
    try:
        fields = Path("/proc", pid, "stat").read_bytes().rpartition(b")")[2].split()
        # A process whose main thread has ended has a dead one's state, and more than one thread while others run.
        return int(fields[1]), fields[0] in (b"Z", b"X") and int(fields[17]) <= 1
    except (OSError, ValueError, IndexError):  # it has ended
        return None

"""LIFECYCLE_NICE: the niceness of the embedded AWS and the agents, from 0 (the default) to 19.

On AWS only the agent shares a host's processors with the service. `make bench` sets LIFECYCLE_NICE, so that it
measures a rollout's latency and not the emulator's. On a busy machine it makes rollouts slower.

Services and Envoy start at the usual priority, because only root may raise a priority again.
"""

import errno
import os
import threading
import time
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

from apps.local.errors import LaptopError

VARIABLE = "LIFECYCLE_NICE"
LOWEST = 19
# The kernel accepts a new value from a user only ten times a second.
_AGAIN_SECONDS, _TRIES = 0.11, 5


class PriorityScope(StrEnum):
    """The processes of a part that get a lower priority."""

    ALL = "ALL"  # its process and everything that it starts
    SESSION = "SESSION"  # its own session only, so not a host's service, which leads a session of its own
    SELF_MANAGED = "SELF_MANAGED"  # the part lowers its priority itself


def niceness(environ: Mapping[str, str] = os.environ) -> int:
    """Return LIFECYCLE_NICE, from 0 to 19 as in nice(1); raise LaptopError for another value."""
    text = environ.get(VARIABLE) or "0"
    if not text.isdigit() or int(text) > LOWEST:
        raise LaptopError(f"{VARIABLE}: expected a number from 0 to {LOWEST}, found {text!r}")
    return int(text)


def command_prefix(scope: PriorityScope, by: int) -> tuple[str, ...]:
    """Return the words that a part's command begins with."""
    return ("nice", "-n", str(by)) if by and scope is PriorityScope.ALL else ()


def lower_session(pid: int, scope: PriorityScope, by: int) -> None:
    """Lower the priority of the session that a part leads, unless the part manages its priority itself.

    A kernel with autogroup shares processors between sessions, and a process's own priority counts only within its
    session. Without autogroup this does nothing.
    """
    if not by or scope is PriorityScope.SELF_MANAGED:
        return
    for _ in range(_TRIES):
        try:
            Path(f"/proc/{pid}/autogroup").write_text(str(by))
        except OSError as error:
            if error.errno != errno.EAGAIN:
                return
            time.sleep(_AGAIN_SECONDS)
        else:
            return


def lower_threads(by: int, except_named: str) -> None:
    """Lower the priority of this process's threads and their children, except those of one thread."""
    for thread in threading.enumerate():
        if thread.name != except_named and thread.native_id:
            lower = min(LOWEST, os.getpriority(os.PRIO_PROCESS, thread.native_id) + by)
            os.setpriority(os.PRIO_PROCESS, thread.native_id, lower)

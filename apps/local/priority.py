"""LIFECYCLE_NICE: how much the embedded AWS and the agents give way to what serves requests; 0, not at all, if unset.

On AWS none of these share a host's processors with the service, the agent excepted. `make bench` sets it, so that the
latency it measures is a rollout's and not the emulator's; on a machine that others keep busy it slows rollouts down.
A service, and Envoy, are started at the priority of everybody else: nobody but root may raise one again.
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
# The kernel takes a new value ten times a second only, of everybody but root.
_AGAIN_SECONDS, _TRIES = 0.11, 5


class GivesWay(StrEnum):
    """What of a part does."""

    WHOLLY = "WHOLLY"  # its process, and all that it starts
    ITS_SESSION = "ITS_SESSION"  # not what it starts in a session of its own, such as a host's service
    BY_ITSELF = "BY_ITSELF"  # the part sees to it


def wanted(environ: Mapping[str, str] = os.environ) -> int:
    """From 0 to 19, as nice(1) counts; raises LaptopError."""
    text = environ.get(VARIABLE) or "0"
    if not text.isdigit() or int(text) > LOWEST:
        raise LaptopError(f"{VARIABLE}: expected a number from 0 to {LOWEST}, found {text!r}")
    return int(text)


def prefix(how: GivesWay, by: int) -> tuple[str, ...]:
    """What a part's command begins with."""
    return ("nice", "-n", str(by)) if by and how is GivesWay.WHOLLY else ()


def lower_session(pid: int, how: GivesWay, by: int) -> None:
    """Lower the session that a part leads, if it gives way and does not see to it itself.

    Where the kernel shares processors out by sessions (autogroup), a process's own priority counts in its
    session only, so this is needed as well. Nothing happens where it does not.
    """
    if not by or how is GivesWay.BY_ITSELF:
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


def threads(by: int, besides: str) -> None:
    """The threads of this process, and those that they start; not the one named `besides`, nor its children."""
    for thread in threading.enumerate():
        if thread.name != besides and thread.native_id:
            lower = min(LOWEST, os.getpriority(os.PRIO_PROCESS, thread.native_id) + by)
            os.setpriority(os.PRIO_PROCESS, thread.native_id, lower)

"""Start a command that ends by itself, under run_to_end.py: a scheduled command, or a release command.

Called by service.py and release_command.py. Nothing that the command starts outlives it.
"""

import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from apps.agent import run_to_end
from lifecycle.domain.service.configuration import RESERVED_PREFIX


@dataclass(frozen=True, slots=True)
class TimedCommand:
    """A command with its folder, its whole environment, its time, and the time between SIGTERM and SIGKILL."""

    command: str
    folder: Path
    environment: Mapping[str, str]
    seconds: float
    stop_seconds: float


def start(of: TimedCommand, log: Path, began: Callable[[int], object], end_file: Path | None = None) -> int:
    """Start a command in a new session, and return the pid of its runner, which is the session's leader.

    The command begins once `began` has returned: it gets the pid. When the agent dies before, nothing begins. The
    runner writes into the `end_file` how the command ended; without one it ends as the command does.
    """
    arguments = (f"{of.seconds:g}", f"{of.stop_seconds:g}", str(of.folder), str(end_file or ""), of.command)
    # The runner needs no value of the configuration in its own environment.
    visible = {name: value for name, value in of.environment.items() if name.startswith(RESERVED_PREFIX)}
    wait, go = os.pipe()
    try:
        pid = _spawn(("-I", "-S", run_to_end.__file__, *arguments), visible, wait, log)
    except OSError:
        os.close(go)
        raise
    finally:
        os.close(wait)
    with open(go, "wb") as pipe:  # noqa: PTH123 - a descriptor, not a path
        began(pid)
        pipe.write(run_to_end.packed(of.environment))
    return pid


def _spawn(arguments: tuple[str, ...], environment: Mapping[str, str], stdin: int, log: Path) -> int:
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
    try:
        return os.posix_spawn(
            sys.executable,
            [sys.executable, *arguments],
            environment,
            file_actions=[
                (os.POSIX_SPAWN_DUP2, stdin, 0),
                (os.POSIX_SPAWN_DUP2, output, 1),
                (os.POSIX_SPAWN_DUP2, output, 2),
            ],
            setsid=True,
            setsigmask=[],
            setsigdef=[signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGHUP],
        )
    finally:
        os.close(output)

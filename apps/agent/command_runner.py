"""Start a command that ends by itself, under run_to_end.py: a scheduled command, or a release command.

Called by service.py and release_command.py. Nothing that the command starts outlives it.
"""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from apps.agent import run_to_end
from apps.agent.service_account import ServiceAccount
from apps.agent.spawn import log_file, spawn
from lifecycle.domain.service.configuration import RESERVED_PREFIX


@dataclass(frozen=True, slots=True)
class TimedCommand:
    """A command with its folder, its whole environment, its time, and the time between SIGTERM and SIGKILL."""

    command: str
    folder: Path
    environment: Mapping[str, str]
    seconds: float
    stop_seconds: float


def start(
    of: TimedCommand,
    log: Path,
    account: ServiceAccount | None,
    began: Callable[[int], object],
    end_file: Path | None = None,
) -> int:
    """Start a command in a new session, and return the pid of its runner, which is the session's leader.

    The command begins once `began` has returned: it gets the pid. When the agent dies before, nothing begins. The
    runner writes into the `end_file` how the command ended; without one it ends as the command does. It runs as the
    agent's user, and the command as the account's.
    """
    ids = ",".join(map(str, (account.uid, account.gid, *account.groups))) if account else ""
    times = f"{of.seconds:g}", f"{of.stop_seconds:g}"
    program = (sys.executable, "-I", "-S", run_to_end.__file__, *times, ids, str(of.folder), str(end_file or ""))
    # The runner needs no value of the configuration in its own environment.
    visible = {name: value for name, value in of.environment.items() if name.startswith(RESERVED_PREFIX)}
    wait, go = os.pipe()
    try:
        with log_file(log, account) as output:
            pid = spawn((*program, of.command), visible, wait, output, None)
    except OSError:
        os.close(go)
        raise
    finally:
        os.close(wait)
    with open(go, "wb") as pipe:  # noqa: PTH123 - a descriptor, not a path
        began(pid)
        pipe.write(run_to_end.packed(of.environment))
    return pid

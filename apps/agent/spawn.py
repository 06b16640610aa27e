"""Start a process of a service: in a session of its own, with a given environment, and its output in a log.

Used by service.py and command_runner.py, which reap it.
"""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from apps.agent.service_account import ServiceAccount


@contextlib.contextmanager
def log_file(path: Path, account: ServiceAccount | None) -> Iterator[int]:
    """Yield a descriptor of a log to append to. Its owner may open it again, as /dev/stdout."""
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
    try:
        if account:
            os.fchown(log, account.uid, account.gid)
        yield log
    finally:
        os.close(log)


def spawn(
    program: Sequence[str], environment: Mapping[str, str], stdin: int, output: int, account: ServiceAccount | None
) -> int:
    """Start a program as the account's user, or as the agent's own, and return its pid.

    `environment` is the service's: it may change what a program does, so none runs with it as root.
    """
    if account is None:
        return os.posix_spawn(
            program[0],
            list(program),
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
    started = subprocess.Popen(
        program,
        env=dict(environment),
        stdin=stdin,
        stdout=output,
        stderr=output,
        start_new_session=True,
        user=account.uid,
        group=account.gid,
        extra_groups=account.groups,
    )
    started.returncode = 0  # the caller reaps it; otherwise subprocess would, at some later start
    return started.pid

"""A wait for the end of a process, as /proc shows it."""

import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from apps.agent.processes import await_end, process
from tests.integration.agent.host import group_alive
from tests.support.polling import PATIENCE_SECONDS, until

LONG = 10 * PATIENCE_SECONDS


@contextmanager
def leader(command: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a shell command as the leader of a group of its own; the group is killed at the end."""
    started = subprocess.Popen(["/bin/sh", "-c", command], start_new_session=True, stdin=subprocess.DEVNULL)
    try:
        yield started
    finally:
        if group_alive(started.pid):
            os.killpg(started.pid, signal.SIGKILL)
        started.wait()


def dead(pid: int) -> bool:
    found = process(pid)
    return found is None or found.dead


def test_wait_for_an_end_is_over_when_the_process_ends() -> None:
    with leader("exec sleep 0.05") as short:
        waiting = threading.Thread(target=await_end, args=(short.pid, LONG), daemon=True)
        waiting.start()
        until(lambda: not waiting.is_alive())
        assert dead(short.pid)


def test_wait_for_an_end_is_over_after_its_time() -> None:
    with leader(f"exec sleep {LONG}") as long:
        await_end(long.pid, 0.01)
        assert not dead(long.pid)

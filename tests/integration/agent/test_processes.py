"""A wait for the end of a process, as /proc shows it."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from apps.agent.polling import Stopping, wait_and_watch
from apps.agent.processes import Ends, await_end, command_line, process
from tests.integration.agent.host import group_alive
from tests.support.headless import GO_ON_WITHOUT_MAIN_THREAD
from tests.support.polling import PATIENCE_SECONDS, until

LONG = 10 * PATIENCE_SECONDS
MOMENT = 0.01


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


def test_process_lives_whose_main_thread_has_ended(tmp_path: Path) -> None:
    (tmp_path / "headless.py").write_text(GO_ON_WITHOUT_MAIN_THREAD)
    with leader(f"exec {sys.executable} {tmp_path / 'headless.py'}") as headless:
        until(lambda: (found := process(headless.pid)) is not None and found.state == "Z")
        assert not dead(headless.pid)
        headless.kill()
        until(lambda: dead(headless.pid))


def test_wait_for_an_end_is_over_after_its_time() -> None:
    with leader(f"exec sleep {LONG}") as long:
        await_end(long.pid, 0.01)
        assert not dead(long.pid)


def test_each_end_is_reported_once_and_one_of_before_not_at_all() -> None:
    with leader("exit 0") as before, leader("exec sleep 0.05") as first, leader(f"exec sleep {LONG}") as second:
        before.wait()
        with Ends([before.pid, first.pid, second.pid]) as ends:
            assert ends.wait(LONG)
            assert dead(first.pid)
            assert not ends.wait(MOMENT)
            second.kill()
            assert ends.wait(LONG)
            assert not ends.wait(MOMENT)


def test_wait_for_the_next_poll_looks_when_a_process_ends() -> None:
    stopping = Stopping()
    with leader("exec sleep 0.3") as short:
        wait_and_watch(stopping, LONG, [short.pid], lambda: dead(short.pid), stopping.set, check=LONG)
        assert dead(short.pid)


def test_wait_for_the_next_poll_looks_again_and_again_and_ends_in_time() -> None:
    looks = list[bool]()
    wait_and_watch(Stopping(), 0.5, [], lambda: looks.append(True), lambda: pytest.fail("nothing changed"), check=0.1)
    assert len(looks) > 2


def test_wait_for_the_next_poll_is_over_when_the_agent_stops() -> None:
    stopping = Stopping()
    threading.Timer(0.3, stopping.set).start()
    wait_and_watch(stopping, LONG, [], lambda: None, lambda: pytest.fail("nothing changed"), check=LONG)
    assert stopping.is_set()


@pytest.mark.parametrize("length", [100, 150, 199, 200, 5000])
def test_command_line_has_whole_words_only(length: int) -> None:
    """A part of a secret could not be masked."""
    secret = "s" * length
    child = subprocess.Popen(["sh", "-c", "sleep 60; true", secret, "end"], start_new_session=True)
    try:
        until(lambda: command_line(child.pid) != "?")
        line = command_line(child.pid)
    finally:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    assert line.startswith("sh -c sleep 60; true")
    assert len(line) <= 200
    assert "s" * 50 not in line.replace(secret, "[KEY]")
    assert (secret in line) == (length <= 150)

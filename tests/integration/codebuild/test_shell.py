"""The build's shell, with real shells."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from apps.local.codebuild.cancellation import Cancellation, CancelledError
from apps.local.codebuild.shell import Shell
from tests.integration.dispatcher.harness import ended
from tests.support.polling import until

pytestmark = pytest.mark.timeout(30)


@pytest.fixture(params=["/bin/sh", "bash"])
def shell(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Shell]:
    with Shell(request.param, tmp_path, tmp_path, {"PATH": os.environ["PATH"]}, Cancellation()) as made:
        yield made


def test_variables_functions_and_the_folder_persist_between_commands(shell: Shell) -> None:
    lines: list[str] = []
    assert shell.run("export A='b c'; D=e; greet() { echo \"hello $1\"; }; cd /", lines.append) == 0
    assert shell.run('greet "$A $D $PWD"', lines.append) == 0
    assert lines == ["hello b c e /"]


def test_failure_returns_its_status_and_the_next_command_runs(shell: Shell) -> None:
    lines: list[str] = []
    assert shell.run("echo one; false", lines.append) == 1
    assert shell.run("printf 'no newline'", lines.append) == 0
    assert shell.run("(exit 42)", lines.append) == 42
    assert shell.run("echo two >&2", lines.append) == 0
    assert lines == ["one", "no newline", "two"]


@pytest.mark.parametrize("command", ["exit 3", "set -e; (exit 3); echo never"])
def test_command_that_exits_the_shell_fails_and_its_exports_persist(shell: Shell, command: str) -> None:
    lines: list[str] = []
    assert shell.run("export A='it'\"'\"'s'; cd /", lines.append) == 0
    assert shell.run(command, lines.append) == 3
    assert shell.run('echo "$A $PWD"', lines.append) == 0
    assert lines == ["it's /"]


def test_a_syntax_error_is_a_failure(shell: Shell) -> None:
    assert shell.run("if then", lambda _: None) != 0
    assert shell.run("true", lambda _: None) == 0


def test_command_cannot_read_the_following_commands(shell: Shell) -> None:
    assert shell.run("cat", lambda _: None) == 0
    assert shell.run("true", lambda _: None) == 0


def test_background_process_does_not_delay_the_build_and_ends_with_it(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"]}
    with Shell("/bin/sh", tmp_path, tmp_path, environment, Cancellation()) as shell:
        assert shell.run(f"sleep 300 & echo $! > {tmp_path}/pid", lambda _: None) == 0
        assert shell.run("exit 1", lambda _: None) == 1
        pid = int((tmp_path / "pid").read_text())
        shell.run("true", lambda _: None)
    until(lambda: ended(pid))


def test_a_daemon_in_its_own_session_ends_with_the_cancelled_build(tmp_path: Path) -> None:
    cancellation = Cancellation()
    pid = tmp_path / "pid"
    daemon = f"(setsid sh -c 'echo $$ > {pid}; exec sleep 300' > /dev/null 2>&1 &); sleep 300; touch {tmp_path}/next"

    def cancelled(shell: Shell, command: str) -> None:
        with pytest.raises(CancelledError, match="STOPPED"):
            shell.run(command, lambda _: None)

    with Shell("/bin/sh", tmp_path, tmp_path, {"PATH": os.environ["PATH"]}, cancellation) as shell:
        running = threading.Thread(target=cancelled, args=(shell, daemon))
        running.start()
        started = int(until(lambda: pid.exists() and pid.read_text().strip()))
        cancellation.cancel("STOPPED")
        until(lambda: ended(started))
        running.join()
    assert not (tmp_path / "next").exists()


def test_cancelled_command_raises_with_the_status_of_the_cancellation(tmp_path: Path) -> None:
    cancellation = Cancellation()
    alarm = threading.Timer(0.2, cancellation.cancel, ("TIMED_OUT",))
    alarm.start()
    with (
        Shell("/bin/sh", tmp_path, tmp_path, {"PATH": os.environ["PATH"]}, cancellation) as shell,
        pytest.raises(CancelledError, match="TIMED_OUT"),
    ):
        shell.run("sleep 300", lambda _: None)
    alarm.join()

"""The service's own commands: build, then unit tests, then integration tests. The first failure ends the build.

Called by main in the clone. `sh -e -c` runs each command, so that a failure ends one of several lines, too. Nothing
that a command started outlives it, whatever its session.
"""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from apps.build import process_tree
from apps.build.errors import BuildFailed
from lifecycle.names import Variable
from lifecycle.servicefile.model import BuildTable

PrintLine: TypeAlias = Callable[[str], None]

GRACE_SECONDS = 3.0
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
# A service's commands must not use the build's credentials or import the build's own Python modules.
_HIDDEN = {
    Variable.ARTIFACT_BUCKET,
    Variable.CACHE_BUCKET,
    "HOST",
    "PORT",
    "PYTHONPATH",
    "PYTHONHOME",
    "PYTHONSAFEPATH",
}
_HIDDEN_PREFIXES = ("AWS_", "ECS_", "GIT_", "LIFECYCLE_")
_VISIBLE = {"LIFECYCLE_REPOSITORY", "LIFECYCLE_COMMIT", "LIFECYCLE_BRANCH"}


@dataclass(frozen=True, slots=True)
class Step:
    """One command; `name` such as `unit tests 1/2`."""

    phase: str
    name: str
    command: str


def steps(build: BuildTable) -> Iterator[Step]:
    """Yield every command, in the order in which they run."""
    phases = {"build": build.commands, "unit tests": build.unit_tests, "integration tests": build.integration_tests}
    for phase, commands in phases.items():
        for number, command in enumerate(commands, start=1):
            yield Step(phase, f"{phase} {number}/{len(commands)}", command)


def service_environment(environ: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
    """Return the build's environment without its credentials, updated with the declared variables."""
    inherited = {
        name: value
        for name, value in environ.items()
        if name in _VISIBLE or not (name in _HIDDEN or name.startswith(_HIDDEN_PREFIXES))
    }
    return {**inherited, **own}


def run_steps(build: BuildTable, folder: Path, environ: Mapping[str, str], print_line: PrintLine) -> None:
    """Run all commands; raise BuildFailed. `timeout_seconds` applies to each of the three phases."""
    environment = service_environment(environ, build.environment)
    phase, deadline = "", 0.0
    for step in steps(build):
        if step.phase != phase:
            phase, deadline = step.phase, time.monotonic() + build.timeout_seconds
        shown = _first_line(step.command)
        print_line(f"== {step.name}: {shown}")
        started = time.monotonic()
        status = _run(step.command, folder, environment, deadline)
        took = time.monotonic() - started
        if status is None:
            raise BuildFailed(
                f"{step.name}: `{shown}` was stopped: expected the {phase} to take at most "
                f"{build.timeout_seconds} s; make it faster, or raise build.timeout_seconds"
            )
        if status != 0:
            raise BuildFailed(f"{step.name}: `{shown}` {_describe_failure(status)} after {took:.1f} s")
        print_line(f"== {step.name}: done in {took:.1f} s")


def _run(command: str, folder: Path, environment: Mapping[str, str], deadline: float) -> int | None:
    """Run a command and return its exit status, or None at the deadline; end all processes that it started."""
    with process_tree.adopting_orphans(), _deferred_signals() as received:
        others = process_tree.descendants(os.getpid())
        process = subprocess.Popen(
            ["/bin/sh", "-e", "-c", command],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            while not received and time.monotonic() < deadline:
                with suppress(subprocess.TimeoutExpired):
                    return process.wait(timeout=min(0.2, max(0.0, deadline - time.monotonic())))
            return None
        finally:
            _end(others)
            process.poll()


@contextmanager
def _deferred_signals() -> Iterator[list[int]]:
    """Defer the signals that end the build until the block ends; yield the list of received signals.

    A signal between a command's start and its clean-up would leave the command running.
    """
    received: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield received
        return
    handled = [number for number in STOP_SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, lambda number, _: received.append(number)) for number in handled}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)
    if received:
        signal.raise_signal(received[0])


def _end(others: set[int]) -> None:
    """End all processes of a command; raise BuildFailed for one that stays. `others` began before the command."""
    if left := process_tree.end_all(os.getpid(), others, GRACE_SECONDS):
        pids = ", ".join(map(str, sorted(left)))
        raise BuildFailed(
            f"expected the command's processes to end by SIGKILL, found that {pids} still run; "
            "do not start processes as another user"
        )


def _first_line(command: str) -> str:
    line, _, more = command.strip().partition("\n")
    return f"{line[:200]} …" if more or len(line) > 200 else line


def _describe_failure(status: int) -> str:
    if status >= 0:
        return f"failed with exit code {status}"
    try:
        return f"was killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"was killed by signal {-status}"

"""The service's own commands: build, then unit tests, then integration tests; the first that fails ends it.

Called by main in the clone. A command is run by `sh -c`, in a process group of its own.
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

from apps.build.errors import BuildFailed
from lifecycle.servicefile.model import BuildTable

PrintLine: TypeAlias = Callable[[str], None]

GRACE_SECONDS = 3.0
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
# A service's commands must not act as the build does, nor see the build's own Python.
_HIDDEN = {"ARTIFACT_BUCKET", "HOST", "PORT", "PYTHONPATH", "PYTHONHOME", "PYTHONSAFEPATH"}
_HIDDEN_PREFIXES = ("AWS_", "ECS_", "GIT_", "LIFECYCLE_")
_VISIBLE = {"LIFECYCLE_REPOSITORY", "LIFECYCLE_COMMIT", "LIFECYCLE_BRANCH"}


@dataclass(frozen=True, slots=True)
class Step:
    """One command; `name` such as `unit tests 1/2`."""

    phase: str
    name: str
    command: str


def steps(build: BuildTable) -> Iterator[Step]:
    """Every command, in the order in which they are run."""
    phases = {
        "build": build.commands,
        "unit tests": build.unit_tests,
        "integration tests": build.integration_tests,
    }
    for phase, commands in phases.items():
        for number, command in enumerate(commands, start=1):
            yield Step(phase, f"{phase} {number}/{len(commands)}", command)


def service_environment(environ: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
    """The build's environment without its credentials, and the declared one."""
    kept = {
        name: value
        for name, value in environ.items()
        if name in _VISIBLE or not (name in _HIDDEN or name.startswith(_HIDDEN_PREFIXES))
    }
    return {**kept, **own}


def run_steps(build: BuildTable, folder: Path, environ: Mapping[str, str], print_line: PrintLine) -> None:
    """Run them all; `timeout_seconds` counts for each of the three phases. Raises BuildFailed."""
    environment = service_environment(environ, build.environment)
    phase, ends = "", 0.0
    for step in steps(build):
        if step.phase != phase:
            phase, ends = step.phase, time.monotonic() + build.timeout_seconds
        shown = _first_line(step.command)
        print_line(f"== {step.name}: {shown}")
        started = time.monotonic()
        status = _run(step.command, folder, environment, ends)
        took = time.monotonic() - started
        if status is None:
            raise BuildFailed(
                f"{step.name}: `{shown}` was stopped: expected the {phase} to take at most "
                f"{build.timeout_seconds} s; make it quicker, or raise build.timeout_seconds"
            )
        if status != 0:
            raise BuildFailed(f"{step.name}: `{shown}` {_describe_failure(status)} after {took:.1f} s")
        print_line(f"== {step.name}: done in {took:.1f} s")


def _run(command: str, folder: Path, environment: Mapping[str, str], ends: float) -> int | None:
    """The command's exit status, or None when it was not over in time; nothing it started is left."""
    with _deferred_signals() as asked_to_stop:
        process = subprocess.Popen(
            ["/bin/sh", "-c", command],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            while not asked_to_stop and time.monotonic() < ends:
                with suppress(subprocess.TimeoutExpired):
                    return process.wait(timeout=min(0.2, max(0.0, ends - time.monotonic())))
            return None
        finally:
            _stop_group(process)


@contextmanager
def _deferred_signals() -> Iterator[list[int]]:
    """Signals that end the build wait until the end, so that none comes between a command and its record."""
    came: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield came
        return
    heeded = [number for number in STOP_SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, lambda number, _: came.append(number)) for number in heeded}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)
    if came:
        signal.raise_signal(came[0])


def _stop_group(process: subprocess.Popen[bytes]) -> None:
    """End what a command left running; first kindly."""
    if _signal_group(process.pid, signal.SIGTERM):
        gives_up = time.monotonic() + GRACE_SECONDS
        while time.monotonic() < gives_up and _signal_group(process.pid, 0):
            process.poll()
            time.sleep(0.02)
        _signal_group(process.pid, signal.SIGKILL)
    process.wait()


def _signal_group(group: int, number: int) -> bool:
    """Signal every process of the group; whether there was one. Number 0 only looks."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _first_line(command: str) -> str:
    line, _, more = command.strip().partition("\n")
    return f"{line[:200]} …" if more or len(line) > 200 else line


def _describe_failure(status: int) -> str:
    if status >= 0:
        return f"failed with exit code {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"

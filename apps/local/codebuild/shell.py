"""The build's shell: one `sh` or `bash` sources one command after another, so that exports persist.

A command that calls `exit` ends the shell, and counts as failed whatever its status. The next command gets a new
shell with the variables and the folder of the old one.
"""

import contextlib
import os
import secrets
import select
import shlex
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, Self

from apps.local.codebuild.cancellation import Cancellation

_LONGEST_LINE = 65_536
_SUBREAPER = Path(__file__).with_name("subreaper.py")


class Shell:
    """A context manager that runs commands in `folder`; each line of output goes to `emit`."""

    def __init__(
        self, program: str, folder: Path, scratch: Path, environment: dict[str, str], cancellation: Cancellation
    ) -> None:
        self._program, self._folder, self._scratch = program, folder, scratch
        self._environment, self._cancellation = environment, cancellation
        # A random mark, so that no output of a build looks like the end of a command.
        self._mark = f"\x1e{secrets.token_hex(8)} ".encode()
        self._steps = 0
        self._open = ExitStack()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def run(self, command: str, emit: Callable[[str], None]) -> int:
        """Run one command; return its exit status. Raises CancelledError."""
        process = self._process or self._start()
        self._steps += 1
        step = self._scratch / f"step-{self._steps}"
        step.write_text(command + "\n")
        with contextlib.suppress(BrokenPipeError):
            os.write(_descriptor(process.stdin), f"{step}\n".encode())
        status = self._read(process, emit)
        self._cancellation.check()
        return status

    def _start(self) -> subprocess.Popen[bytes]:
        driver = self._scratch / "driver.sh"
        driver.write_text(self._driver())
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        command = [sys.executable, "-I", "-S", str(_SUBREAPER), self._program, str(driver)]
        environment = self._environment
        self._process = self._open.enter_context(
            self._cancellation.process(command, cwd=self._folder, env=environment, stderr=subprocess.STDOUT, **pipes)
        )
        return self._process

    def _driver(self) -> str:
        variables, folder = (shlex.quote(str(self._scratch / name)) for name in ("variables", "folder"))
        mark = self._mark.decode().replace("\x1e", "\\036")
        return (
            "exec 8>&1 9<&0 </dev/null\n"
            f'if [ -f {variables} ]; then . {variables}; cd "$(cat {folder})"; fi\n'
            f"trap 'export -p > {variables}; pwd > {folder}' EXIT\n"
            "while read -r LIFECYCLE_STEP <&9; do\n"
            '. "$LIFECYCLE_STEP" 8>&- 9<&-\n'
            f"printf '{mark}%s\\n' \"$?\" >&8\n"
            "done\n"
        )

    def _read(self, process: subprocess.Popen[bytes], emit: Callable[[str], None]) -> int:
        output, waiting = _descriptor(process.stdout), b""
        while True:
            ready = select.select([output], [], [], 0.1)[0]
            chunk = os.read(output, _LONGEST_LINE) if ready else b""
            if not chunk and (ready or process.poll() is not None):
                _emit(waiting, emit)
                return self._ended(process)
            waiting += chunk
            before, found, after = waiting.partition(self._mark)
            if found and b"\n" in after:
                _emit(before, emit)
                return int(after.partition(b"\n")[0])
            if not found:
                waiting = _emit_lines(waiting, emit)

    def _ended(self, process: subprocess.Popen[bytes]) -> int:
        status = process.wait()
        self._end()
        return status or 1

    def _end(self) -> None:
        self._process = None
        self._open.close()


def _descriptor(pipe: IO[bytes] | None) -> int:
    assert pipe is not None  # noqa: S101 - the shell is started with pipes
    return pipe.fileno()


def _emit(text: bytes, emit: Callable[[str], None]) -> None:
    for line in text.splitlines():
        emit(line.decode("utf-8", "replace"))


def _emit_lines(waiting: bytes, emit: Callable[[str], None]) -> bytes:
    """Emit the complete lines, and a line that is too long; return the rest."""
    lines, _, rest = waiting.rpartition(b"\n")
    _emit(lines, emit)
    if len(rest) > _LONGEST_LINE:
        _emit(rest, emit)
        return b""
    return rest

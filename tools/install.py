"""Installs pinned packages into a virtual environment, with a line of progress at least every few seconds.

`make setup` runs it before anything is installed, so it needs nothing but the standard library and pip. pip reads the
user's own configuration; its output goes to a log. Nothing is compiled: of CDK's modules, most are never imported.
"""

import argparse
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread

_PIP = ("-m", "pip", "--no-input", "--disable-pip-version-check")
_OPTIONS = ("install", "--no-deps", "--no-compile", "--require-hashes", "--progress-bar", "off")
_FILE = re.compile(r"(?:Downloading|Using cached) (?:\S*/)?([^\s/]+)\.(?:whl|tar\.gz) \(([\d.]+) (bytes|kB|MB)\)")
_MEGABYTES = {"bytes": 1e-6, "kB": 1e-3, "MB": 1.0}
_LARGE_MEGABYTES = 5.0
_SILENCE_SECONDS = 5.0
_ERROR_LINES = 25


class Progress:
    """The progress of pip, read from its output."""

    def __init__(self, packages: int) -> None:
        self._packages = packages
        self._found = 0
        self._megabytes = 0.0
        self.now = "reading the list"

    def read(self, line: str) -> bool:
        """Read a line of pip's output; return True if it begins something that takes long."""
        if line.startswith(("Collecting ", "Requirement already satisfied")):
            self._found += 1
        elif line.startswith("Installing collected packages: "):
            self.now = f"unpacking {_packages(line.count(',') + 1)}, {self._megabytes:.0f} MB"
            return True
        elif file := _FILE.search(line):
            size = float(file[2]) * _MEGABYTES[file[3]]
            self._megabytes += size
            name = file[1].partition("-")[0]
            self.now = f"{self._found} of {_packages(self._packages)}: fetching {name}, {size:.1f} MB"
            return size >= _LARGE_MEGABYTES
        return False


def _packages(number: int) -> str:
    return f"{number} package{'s' * (number != 1)}"


def narrate(lines: SimpleQueue[str], progress: Progress, say: Callable[[str], None], silence: float) -> None:
    """Say each activity of pip that takes long, and the current one after `silence` seconds; end at an empty line."""
    while True:
        try:
            line = lines.get(timeout=silence)
        except Empty:
            say(progress.now)
            continue
        if not line:
            return
        if progress.read(line):
            say(progress.now)


def install(environment: Path, requirements: Path) -> int:
    """Install the requirements that are missing; return pip's exit code, after the end of its output if it failed."""
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"set-up  {environment.name:14}  {time.monotonic() - began:4.0f} s  {text}", flush=True)

    packages = sum("==" in line for line in requirements.read_text().splitlines())
    say(f"{_packages(packages)} of {requirements}")
    log = environment / "install.log"
    command = [sys.executable, *_PIP, "--python", str(environment / "bin" / "python"), *_OPTIONS]
    pip = subprocess.Popen(
        [*command, "-r", str(requirements)],
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    lines: SimpleQueue[str] = SimpleQueue()
    Thread(target=_copy, args=(pip.stdout, log, lines), daemon=True).start()
    try:
        narrate(lines, Progress(packages), say, _SILENCE_SECONDS)
    except KeyboardInterrupt:
        pip.terminate()
        raise
    finally:
        pip.wait()
    if pip.returncode:
        end = "\n".join(log.read_text().splitlines()[-_ERROR_LINES:])
        print(f"{end}\npip could not install {requirements}; all of its output is in {log}", file=sys.stderr)
    else:
        say("installed")
    return pip.returncode


def _copy(output: Iterator[str], log: Path, lines: SimpleQueue[str]) -> None:
    """Copy pip's output to the log and to the queue; an empty line ends it."""
    with log.open("w") as file:
        for line in output:
            file.write(line)
            lines.put(line.strip() or " ")
    lines.put("")


def main() -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(description="Install pinned packages into a virtual environment.")
    parser.add_argument("environment", type=Path, help="the folder of the virtual environment")
    parser.add_argument("requirements", type=Path, help="the list of packages, with hashes")
    given = parser.parse_args()
    try:
        return install(given.environment, given.requirements)
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())

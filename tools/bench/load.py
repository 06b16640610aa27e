"""Traffic during a measurement: generator.py as a process of its own, and the replies."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Self

from apps.local.errors import LaptopError
from apps.local.paths import REPOSITORY
from tools.bench.replies import Replies, Reply, read

QUICK, SLOW = "quick", "slow"
SLOW_RATE = 2.0
_TIMEOUT_SECONDS = 120.0
_PYTHONPATH = f"{REPOSITORY}:{REPOSITORY / 'layers' / 'core' / 'python'}"


class Load:
    """Traffic in a `with` block: `rate` quick requests per second, and `slow_rate` slow ones of a second each.

    `replies` has every request after the block, also those that were in flight at its end.
    """

    def __init__(self, address: str, rate: float, slow_rate: float = SLOW_RATE) -> None:
        self.replies: Replies = {}
        slow = (SLOW, str(slow_rate), f"{address}/slow?seconds=1") if slow_rate else ()
        self._kinds = (QUICK, str(rate), f"{address}/", *slow)

    @property
    def every(self) -> list[Reply]:
        return [each for kind in self.replies.values() for each in kind]

    @property
    def failed(self) -> int:
        return sum(bool(each.failure) for each in self.every)

    @property
    def pid(self) -> int:
        """The process id of the load generator; available in the block."""
        return self._process.pid

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="lifecycle-load-")
        self._file = Path(self._folder.name) / "replies.json"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tools.bench.generator", str(self._file), *self._kinds],
            env={**os.environ, "PYTHONPATH": _PYTHONPATH},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert self._process.stdout  # noqa: S101 - for the type
        self._process.stdout.readline()
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._process.communicate(timeout=_TIMEOUT_SECONDS)
            if self._process.returncode:
                raise LaptopError(f"the load generator ended with exit code {self._process.returncode}")
            self.replies = read(self._file.read_text())
        finally:
            self._process.kill()
            self._process.wait()
            self._folder.cleanup()

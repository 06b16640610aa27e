"""Runs that are done in pieces: a state file that survives a kill and belongs to one tree of sources.

Used by `python -m tests.simulation` and `python -m tests.fault_injection`, each with `--state`.
"""

import fcntl
import hashlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
UNFINISHED = 75
"""The exit code of a run that its budget or Ctrl-C ended early: the same command goes on (EX_TEMPFAIL)."""

_SUFFIXES = (".py", ".json", ".toml", ".txt", ".yaml", ".sh")


class OtherRun(Exception):
    """The state file is of another tree or another run, or in use; its results must not be mixed with new ones."""


def tree_hash(folders: Sequence[str], root: Path = REPOSITORY) -> str:
    """Return a digest of the names and bytes of all sources in these folders, committed or not."""
    digest = hashlib.sha256()
    for folder in sorted(folders):
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in _SUFFIXES and path.is_file():
                content = hashlib.sha256(path.read_bytes()).hexdigest()
                digest.update(f"{path.relative_to(root)} {content}\n".encode())
    return digest.hexdigest()[:16]


def commit_of(folders: Sequence[str], root: Path = REPOSITORY) -> str:
    """Return the commit, and whether these folders differ from it; "unknown" outside of a Git repository."""
    found = _git(root, "rev-parse", "--short=10", "HEAD")
    changed = found and _git(root, "status", "--porcelain", "--", *folders)
    return f"{found or 'unknown'}{' with uncommitted changes' if changed else ''}"


def _git(root: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


@dataclass(frozen=True, slots=True)
class State:
    """The state file of one run: `kept` is what the run has put there, and the rest says of which tree it is."""

    path: Path
    origin: Mapping[str, str]
    kept: dict[str, Any]

    def origin_now(self, folders: Sequence[str]) -> str:
        """Return the sources of this run and its days, to stand beside its figures."""
        commit, tree = commit_of(folders), self.origin["tree"]
        return f"commit {commit}, tree {tree}, from {self.origin['began']} to {datetime.now(UTC):%Y-%m-%d}"

    def save(self, kept: Mapping[str, Any]) -> None:
        """Replace what is kept at once, so that a kill leaves the old state or the new one."""
        new = self.path.with_suffix(".new")
        with new.open("w") as file:
            json.dump({"origin": self.origin, "kept": kept}, file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self.path)


@contextmanager
def opened(
    path: Path, folders: Sequence[str], options: Mapping[str, Any], root: Path = REPOSITORY
) -> Iterator[State]:
    """Open a state file, or begin one, for as long as the block runs.

    Raises OtherRun if it belongs to other sources or other `options`, or if another process has it open.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise OtherRun(f"{path} is in use by another run: wait for its end, or name another file") from None
        tree = tree_hash(folders, root)
        if not path.exists():
            began = f"{datetime.now(UTC):%Y-%m-%d}"
            origin = {
                "tree": tree,
                "commit": commit_of(folders, root),
                "began": began,
                "options": json.dumps(options),
            }
            yield State(path, origin, {})
            return
        found = json.loads(path.read_text())
        origin, kept = found["origin"], found["kept"]
        wanted = {"tree": tree, "options": json.dumps(options)}
        for what, value in wanted.items():
            if origin[what] != value:
                raise OtherRun(
                    f"{path} has the {what} {origin[what]} of commit {origin['commit']}, this run has {value}: "
                    f"delete {path} to start from the beginning, or name another file"
                )
        yield State(path, origin, kept)


class Budget:
    """The time that a piece of a run may take; without `minutes` there is no limit. `clock` counts seconds."""

    def __init__(self, minutes: float | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until = float("inf") if minutes is None else clock() + 60.0 * minutes

    def allows(self, seconds: float) -> bool:
        """Return whether so many seconds are left."""
        return self._clock() + seconds <= self._until

    def ends_at_signals(self) -> None:
        """End this budget at the first Ctrl-C or SIGTERM; the second one has its usual effect."""

        def end(number: int, _frame: FrameType | None) -> None:
            self._until = float("-inf")
            signal.signal(number, signal.default_int_handler)

        for number in (signal.SIGINT, signal.SIGTERM):  # a shell's background job ignores SIGINT
            signal.signal(number, end)

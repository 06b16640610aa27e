"""Repositories to build, and the build itself as the process that CodeBuild starts."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.polling import PATIENCE_SECONDS

ROOT = Path(__file__).parents[3]
SMALLEST = 'name = "hello"\nversion = "1.4"\nrun.command = "./serve"\n'

Build = Callable[..., subprocess.CompletedProcess[str]]
Repository = Callable[[dict[str, str]], Path]


def git(folder: Path, *arguments: str) -> str:
    """Run Git with a fixed identity, without the user's own."""
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """Return a function that makes a repository with the given files, all committed."""

    def make(files: dict[str, str]) -> Path:
        folder = tmp_path / "clone"
        for name, content in {"lifecycle.toml": SMALLEST, **files}.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(content)
        git(folder, "init", "--quiet", "--initial-branch=main")
        git(folder, "add", "--all")
        git(folder, "commit", "--quiet", "--message=Begin")
        git(folder, "update-ref", "refs/remotes/origin/main", "HEAD")  # as in the clone of a push
        return folder

    return make


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """Return a function that builds a clone in a process without publishing; the result is in `tmp_path/out`."""

    def run(folder: Path, *more: str, **environ: str) -> subprocess.CompletedProcess[str]:
        arguments = more or ("--no-publish", "--dest", str(tmp_path / "out"))
        environment = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(tmp_path),
            "PYTHONPATH": f"{ROOT}:{ROOT / 'layers/core/python'}",
            "LIFECYCLE_BUILT_AT": "2026-11-23T01:46:30Z",
            **environ,
        }
        return subprocess.run(
            [sys.executable, "-P", "-m", "apps.build", *arguments],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_SECONDS,
        )

    return run

"""The head of a repository, read by the operator's own git."""

import os
import subprocess
import sys
from pathlib import Path

from apps.local.git.repositories import commit_all, git
from apps.local.paths import PYTHONPATH

PROGRAM = """
import os, sys
from apps.cli.repository_head import read_head
os.rmdir(os.getcwd())
print(read_head(sys.argv[1]))
"""


def test_head_is_read_from_a_folder_that_was_removed(tmp_path: Path) -> None:
    repository, gone = tmp_path / "repository", tmp_path / "gone"
    git(tmp_path, "init", "--quiet", "--initial-branch=main", str(repository))
    (repository / "file").write_text("x")
    commit = commit_all(repository, "Begin")
    gone.mkdir()
    done = subprocess.run(
        [sys.executable, "-P", "-c", PROGRAM, str(repository)],
        cwd=gone,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": PYTHONPATH},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == f"Head(branch='main', commit='{commit}')\n", done.stderr

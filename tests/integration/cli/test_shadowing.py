"""Modules of a person that have the names of those that the command line imports."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from apps.local.paths import PYTHONPATH

SERVICE = 'name = "hello"\nversion = "1.4"\nrun.command = "./serve"\n'
PROGRAM = "import sys; from apps.cli.main import main; sys.exit(main())"


@pytest.mark.parametrize("before", [True, False])
def test_module_of_a_person_replaces_none_of_the_command_line(tmp_path: Path, *, before: bool) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    for name in ("queue", "secrets", "typer", "boto3", "pydantic", "lifecycle", "tomllib", "dataclasses"):
        (mine / f"{name}.py").write_text("raise SystemExit('shadowed')")
    (tmp_path / "lifecycle.toml").write_text(SERVICE)
    path = f"{mine}:{PYTHONPATH}" if before else f"{PYTHONPATH}:{mine}"
    done = subprocess.run(
        [sys.executable, "-P", "-c", PROGRAM, "validate", str(tmp_path)],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("ok: hello 1.4.0")

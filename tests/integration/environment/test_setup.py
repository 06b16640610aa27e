"""Messages of `make` on a machine whose Python is missing, too old, or without its venv module."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from apps.local.paths import REPOSITORY


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a fresh checkout, as far as the set-up's first step needs one."""
    for name in ("Makefile", "pyproject.toml", "requirements/dev.txt"):
        target = tmp_path / "checkout" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / name, target)
    return tmp_path / "checkout"


def set_up(checkout: Path, **pythons: str) -> str:
    """Run the set-up on a machine with only these Pythons; return the message of its failure."""
    programs = checkout / "programs"
    programs.mkdir()
    for name, script in pythons.items():
        (programs / name).write_text(f"#!/bin/sh\n{script}\n")
        (programs / name).chmod(0o755)
    done = subprocess.run(
        [str(shutil.which("make")), "-C", str(checkout), ".venv/.installed"],
        env={"PATH": str(programs), "HOME": os.environ.get("HOME", "/")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    return done.stderr


def test_setup_without_python_names_the_package_to_install(checkout: Path) -> None:
    assert "sudo apt install python3 python3-venv" in set_up(checkout)


def test_setup_ignores_a_python_that_is_too_old(checkout: Path) -> None:
    said = set_up(checkout, python3='case "$2" in *version_info*) exit 1;; esac; exit 0')
    assert "expected Python 3.11 or later" in said


def test_setup_without_venv_names_its_package(checkout: Path) -> None:
    script = 'case "$2" in *ensurepip*) exit 1;; *print*) echo python3.11-venv;; esac; exit 0'
    said = set_up(checkout, python3=script)
    assert "python3 cannot make virtual environments" in said
    assert "sudo apt install python3-venv (or python3.11-venv)" in said

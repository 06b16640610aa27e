"""The set-up: its messages where Python is missing, and the installation of a package."""

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from apps.local.paths import REPOSITORY


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a fresh checkout, as far as the set-up's first step needs one."""
    for name in ("Makefile", "pyproject.toml", "requirements/run.txt"):
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


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    """Return a folder with the wheel of a package `tiny`, version 1.0."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    members = {
        "tiny.py": "VALUE = 1\n",
        "tiny-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n",
        "tiny-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "tiny-1.0.dist-info/RECORD": "tiny.py,,\n",
    }
    with zipfile.ZipFile(folder / "tiny-1.0-py3-none-any.whl", "w") as wheel:
        for name, content in members.items():
            wheel.writestr(name, content)
    return folder


def install(wheels: Path, digest: str) -> "subprocess.CompletedProcess[str]":
    """Install the package from the folder alone into a new virtual environment."""
    environment, requirements = wheels / "venv", wheels / "tiny.txt"
    requirements.write_text(f"tiny==1.0 \\\n    --hash=sha256:{digest}\n")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    return subprocess.run(
        [sys.executable, str(REPOSITORY / "tools" / "install.py"), str(environment), str(requirements)],
        env={"PATH": os.environ["PATH"], "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_installed_package_is_not_compiled_before_its_first_import(wheels: Path) -> None:
    wheel = wheels / "tiny-1.0-py3-none-any.whl"
    done = install(wheels, hashlib.sha256(wheel.read_bytes()).hexdigest())
    assert done.returncode == 0, done.stderr
    assert "1 package of" in done.stdout
    assert "unpacking 1 package, 0 MB" in done.stdout
    assert [path.name for path in (wheels / "venv").rglob("tiny*.py*")] == ["tiny.py"]


def test_installation_that_fails_shows_the_end_of_the_output(wheels: Path) -> None:
    done = install(wheels, "0" * 64)
    assert done.returncode == 1
    assert "THESE PACKAGES DO NOT MATCH THE HASHES" in done.stderr
    assert f"all of its output is in {wheels / 'venv' / 'install.log'}" in done.stderr

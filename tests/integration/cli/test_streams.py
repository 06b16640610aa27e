"""The command's streams and working folder: closed, without a reader, of another encoding, removed."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from apps.local.paths import PYTHONPATH
from tests.support.polling import PATIENCE_SECONDS

LIFECYCLE = f"exec {sys.executable} -m apps.cli.main"
SERVICE = """name = "hello"
version = "1.4"
[run]
command = "./hello"
"""


def shell(script: str, cwd: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run a script of bash, with `lifecycle` as a function, in a folder."""
    kept: Mapping[str, str] = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        ["bash", "-c", f'lifecycle() {{ ({LIFECYCLE} "$@"); }}\nset -o pipefail\n{script}'],
        cwd=cwd,
        env={**kept, "PYTHONPATH": PYTHONPATH, **variables},
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE_SECONDS,
        check=False,
    )


@pytest.fixture
def service(tmp_path: Path) -> Path:
    folder = tmp_path / "service of Zoë"
    folder.mkdir()
    (folder / "lifecycle.toml").write_text(SERVICE, encoding="utf-8")
    (folder / "hello").touch()
    who = ["-c", "user.name=ada", "-c", "user.email=ada@example.test", "-c", "commit.gpgsign=false"]
    for arguments in (["init", "--quiet"], ["add", "."], [*who, "commit", "--quiet", "--message", "first"]):
        subprocess.run(["git", *arguments], cwd=folder, check=True)
    return folder


@pytest.mark.parametrize("arguments", ["validate", "local --help"])
@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_command_with_closed_streams_succeeds(service: Path, arguments: str, closed: str) -> None:
    done = shell(f"lifecycle {arguments} {closed}", service)
    assert (done.returncode, done.stderr) == (0, "")


def test_refusal_with_closed_streams_is_still_a_refusal(service: Path) -> None:
    (service / "lifecycle.toml").write_text("", encoding="utf-8")
    assert shell("lifecycle validate >&- 2>&-", service).returncode == 1


def test_file_that_is_opened_later_never_becomes_a_closed_stream(service: Path) -> None:
    """A build's log goes to standard output. If that is closed, it must not go into another open file."""
    done = shell("lifecycle build --into out >&- 2>&- && cat out/manifest.json", service)
    assert json.loads(done.stdout)["service"] == "hello"


@pytest.mark.parametrize("reader", ["head -n 1", "true"])
def test_reader_that_ends_first_fails_no_script(service: Path, reader: str) -> None:
    done = shell(f"lifecycle validate --help | {reader} > read; echo ${{PIPESTATUS[0]}}", service)
    assert (done.stdout, done.stderr) == ("0\n", "")


def test_failure_stays_a_failure_when_the_reader_ends_first(service: Path) -> None:
    (service / "lifecycle.toml").write_text("", encoding="utf-8")
    done = shell("lifecycle validate --json | true; echo ${PIPESTATUS[0]}", service)
    assert (done.stdout, done.stderr) == ("1\n", "")


@pytest.mark.parametrize(
    "ambient",
    [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}],
    ids=["streams", "locale"],
)
def test_letters_that_the_streams_encoding_lacks_are_escaped(service: Path, ambient: Mapping[str, str]) -> None:
    done = shell("lifecycle build --into Zoë && lifecycle validate Zoë", service, **ambient)
    assert "built: hello 1.4.0" in done.stdout
    refusal, count = done.stderr.splitlines()
    assert "expected a file Zo" in refusal
    assert count == "problems: 1"


def test_command_in_a_removed_folder_says_so_or_needs_none(tmp_path: Path) -> None:
    folder = tmp_path / "removed"
    folder.mkdir()
    environment = tmp_path / "environment"
    script = f'rmdir "{folder}"; lifecycle validate'
    done = shell(script, folder)
    assert done.returncode == 1
    assert "expected a working folder, found that it was removed" in done.stderr
    folder.mkdir()
    done = shell(f'rmdir "{folder}"; lifecycle status', folder, LIFECYCLE_HOME=str(environment))
    assert f"no environment found in LIFECYCLE_HOME={environment}" in done.stderr

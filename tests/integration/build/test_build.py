"""The build as CodeBuild starts it: its output, its files and its exit code."""

import hashlib
import os
import signal
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from lifecycle.domain.service.manifest import Manifest
from tests.support.headless import GO_ON_WITHOUT_MAIN_THREAD
from tests.support.records import read

from .conftest import ROOT, SMALLEST, Build, Repository, git


def packed(tmp_path: Path) -> list[str]:
    with tarfile.open(tmp_path / "out" / "artifact.tar.gz") as archive:
        return archive.getnames()


def test_tracked_files_are_the_artifact_when_nothing_is_built(
    repository: Repository, build: Build, tmp_path: Path
) -> None:
    folder = repository({"serve": "#!/bin/sh\n", "data/a": "a"})
    (folder / "left-behind.log").touch()
    done = build(folder, "--no-publish", "--dest", str(tmp_path / "out"), "--output", str(tmp_path / "exports"))
    assert (done.returncode, done.stderr) == (0, "")
    assert packed(tmp_path) == ["data", "data/a", "lifecycle.toml", "serve"]
    version = f"1.4.0-20261123014630-{git(folder, 'rev-parse', 'HEAD')[:7]}"
    manifest = read(Manifest, (tmp_path / "out" / "manifest.json").read_bytes())
    artifact = (tmp_path / "out" / "artifact.tar.gz").read_bytes()
    assert (manifest.version, manifest.branch, manifest.builder) == (version, "main", "local")
    assert (manifest.digest, manifest.size) == (hashlib.sha256(artifact).hexdigest(), len(artifact))
    exports = f"export LIFECYCLE_SERVICE=hello\nexport LIFECYCLE_VERSION={version}\n"
    assert (tmp_path / "exports").read_text() == exports


def test_a_folder_without_git_is_packed_whole(build: Build, tmp_path: Path) -> None:
    folder = tmp_path / "plain"
    folder.mkdir()
    (folder / "lifecycle.toml").write_text(SMALLEST)
    done = build(folder, "--no-publish", "--dest", str(folder / "out"), GIT_CEILING_DIRECTORIES=str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    with tarfile.open(folder / "out" / "artifact.tar.gz") as archive:
        assert archive.getnames() == ["lifecycle.toml"]


def test_commands_unit_tests_and_integration_tests_run_in_this_order(
    repository: Repository, build: Build, tmp_path: Path
) -> None:
    folder = repository(
        {
            "lifecycle.toml": SMALLEST
            + """
        [build]
        integration_tests = ["echo three >> dist/log"]
        unit_tests = ["echo two >> dist/log"]
        commands = ["mkdir dist", 'echo "$WORD" > dist/log']
        environment = { WORD = "one" }
        artifact = "dist"
    """
        }
    )
    done = build(folder)
    assert done.returncode == 0, done.stderr
    assert "== build 2/2: echo" in done.stdout
    assert "== integration tests 1/1: done in 0." in done.stdout
    assert packed(tmp_path) == ["log"]
    with tarfile.open(tmp_path / "out" / "artifact.tar.gz") as archive:
        log = archive.extractfile("log")
        assert log is not None
        assert log.read() == b"one\ntwo\nthree\n"


def test_the_first_failure_ends_the_build_with_its_command_and_exit_code(
    repository: Repository, build: Build, tmp_path: Path
) -> None:
    folder = repository(
        {
            "lifecycle.toml": SMALLEST
            + """
        [build]
        unit_tests = ["true", "echo a test failed; exit 7", "touch $HOME/never"]
    """
        }
    )
    done = build(folder)
    assert done.returncode == 1
    assert "a test failed" in done.stdout
    assert done.stderr.startswith("error: unit tests 2/3: `echo a test failed; exit 7` failed with exit code 7 after")
    assert not (tmp_path / "never").exists()
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_a_killed_command_is_reported_with_its_signal(repository: Repository, build: Build) -> None:
    done = build(repository({"lifecycle.toml": SMALLEST + "build.commands = ['kill -SEGV $$']"}))
    assert (done.returncode, "was killed by SIGSEGV" in done.stderr) == (1, True)


def test_a_phase_above_its_timeout_is_stopped_with_its_processes(
    repository: Repository, build: Build, tmp_path: Path
) -> None:
    folder = repository(
        {
            "lifecycle.toml": SMALLEST
            + """
        [build]
        commands = ["sleep 600 & echo $! > $HOME/child; sleep 600"]
        timeout_seconds = 1
    """
        }
    )
    done = build(folder)
    assert done.returncode == 1
    assert "was stopped: expected the build to take at most 1 s" in done.stderr
    assert not runs(int((tmp_path / "child").read_text()))


def test_background_processes_of_a_command_are_ended(repository: Repository, build: Build, tmp_path: Path) -> None:
    folder = repository({"lifecycle.toml": SMALLEST + "build.commands = ['sleep 600 & echo $! > $HOME/child']"})
    assert build(folder).returncode == 0
    assert not runs(int((tmp_path / "child").read_text()))


def test_a_command_that_leaves_daemons_in_their_own_sessions_ends_with_all_of_them(
    repository: Repository, build: Build, tmp_path: Path
) -> None:
    # The second daemon has closed its output, left its session, and has no parent of the command's.
    daemons = (
        "cd; setsid sleep 600 & echo $! > child; (setsid sh -c 'echo $$ > daemon; exec sleep 600' >/dev/null 2>&1 &)"
    )
    wait = "while ! [ -s $HOME/daemon ]; do sleep 0.01; done"
    folder = repository({"lifecycle.toml": SMALLEST + f'build.commands = ["""{daemons}; {wait}""", "true"]'})
    done = build(folder)  # it reads the output until nobody holds the pipe
    assert (done.returncode, done.stderr) == (0, "")
    assert not runs(int((tmp_path / "child").read_text()))
    assert not runs(int((tmp_path / "daemon").read_text()))


def test_a_process_that_ignores_sigterm_is_killed_before_the_next_command(
    repository: Repository, build: Build
) -> None:
    stubborn = "setsid sh -c 'trap : TERM; echo $$ > $HOME/child; while :; do sleep 0.05; done' & "
    wait = "while ! [ -s $HOME/child ]; do sleep 0.01; done"
    after = "! kill -0 $(cat $HOME/child) 2>/dev/null"
    folder = repository({"lifecycle.toml": SMALLEST + f'build.commands = ["""{stubborn} {wait}""", "{after}"]'})
    assert build(folder).returncode == 0


def test_a_process_whose_main_thread_has_ended_is_killed_before_the_next_command(
    repository: Repository, build: Build
) -> None:
    start = f"setsid {sys.executable} headless.py & echo $! > $HOME/child"
    wait = "while ! grep -q '^State:.Z' /proc/$(cat $HOME/child)/status; do sleep 0.01; done"
    after = "test ! -e /proc/$(cat $HOME/child)"
    text = SMALLEST + f'build.commands = ["""{start}; {wait}""", "{after}"]'
    done = build(repository({"lifecycle.toml": text, "headless.py": GO_ON_WITHOUT_MAIN_THREAD}))
    assert (done.returncode, done.stderr) == (0, "")


def test_a_failure_within_a_command_of_several_lines_fails_the_build(
    repository: Repository, build: Build, tmp_path: Path
) -> None:
    text = SMALLEST + 'build.commands = ["""\necho first\nfalse\ntouch $HOME/never\n"""]\n'
    folder = repository({"lifecycle.toml": text})
    done = build(folder)
    assert done.returncode == 1
    assert "build 1/1: `echo first …` failed with exit code 1" in done.stderr
    assert not (tmp_path / "never").exists()


def test_a_stopped_build_ends_its_command(repository: Repository, tmp_path: Path) -> None:
    command = "echo $$ > $HOME/child; echo begun; exec sleep 600"
    folder = repository({"lifecycle.toml": SMALLEST + f"build.commands = ['{command}']"})
    arguments = [sys.executable, "-P", "-m", "apps.build", "--no-publish", "--dest", str(tmp_path / "out")]
    environment = os.environ | {"HOME": str(tmp_path), "PYTHONPATH": f"{ROOT}:{ROOT / 'layers/core/python'}"}
    with subprocess.Popen(
        arguments, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        while process.stdout.readline().strip() != "begun":
            assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        errors = process.stderr.read() if process.stderr else ""
        process.wait()
    assert (process.returncode, errors) == (1, "error: stopped by SIGTERM\n")
    assert not runs(int((tmp_path / "child").read_text()))


def test_the_services_modules_do_not_shadow_the_builds(repository: Repository, build: Build) -> None:
    files = {
        "apps/__init__.py": "boom",
        "lifecycle/__init__.py": "boom",
        "json.py": "boom",
        "pydantic.py": "boom",
    }
    assert build(repository(files)).returncode == 0


def test_each_problem_of_the_lifecycle_toml_is_one_line(repository: Repository, build: Build) -> None:
    done = build(repository({"lifecycle.toml": 'name = "Hello"\nversion = "1.4"\n[run]\nprot = 1\n'}))
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        (
            "error: lifecycle.toml:1: name: expected at most 24 lower-case letters, digits and single hyphens, "
            'beginning with a letter, found "Hello"'
        ),
        "error: lifecycle.toml:3: run.command: expected a shell command: text of 1 to 4000 characters, found nothing",
        'error: lifecycle.toml:4: run.prot: unknown; did you mean "port"?',
    ]


def test_a_missing_lifecycle_toml_is_reported(build: Build, tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    done = build(folder)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: lifecycle.toml: expected a file {folder}/lifecycle.toml, found none")


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ("true", "expected a folder 'dist' after the build, found nothing"),
        ("touch dist", "expected a folder 'dist' after the build, found a file"),
        ("mkdir -p dist/a", "expected files in 'dist' after the build, found none"),
        ("ln -s / dist", "expected a folder inside the repository, found /"),
        (
            "mkdir -p dist/a/.git; touch dist/a/.git/x",
            "a/.git: the artifact contains a Git repository; remove this .git",
        ),
        ("mkdir dist; ln -s /etc/passwd dist/a", "a: the link points outside the artifact, to '/etc/passwd'"),
        ("mkdir dist; ln -s ../serve dist/a", "a: the link points outside the artifact, to '../serve'"),
        ("mkdir dist; mkfifo dist/a", "a: expected a file, folder or symbolic link, found a pipe"),
    ],
)
def test_an_artifact_that_a_host_would_refuse_fails_the_build(
    command: str, problem: str, repository: Repository, build: Build
) -> None:
    text = SMALLEST + f'[build]\ncommands = ["{command}"]\nartifact = "dist"\n'
    done = build(repository({"lifecycle.toml": text, "serve": ""}))
    assert (done.returncode, problem in done.stderr) == (1, True), done.stderr


def test_a_clone_of_another_commit_is_refused(repository: Repository, build: Build, tmp_path: Path) -> None:
    done = build(
        repository({}), "--output", str(tmp_path / "exports"), LIFECYCLE_COMMIT="a" * 40, LIFECYCLE_BRANCH="main",
        LIFECYCLE_REPOSITORY="url", CODEBUILD_BUILD_ID="build:1", ARTIFACT_BUCKET="bucket",
        AWS_ACCESS_KEY_ID="none", AWS_SECRET_ACCESS_KEY="none", AWS_DEFAULT_REGION="us-east-1",
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: expected a clone of commit {'a' * 40}, found ")
    assert not (tmp_path / "exports").exists()


def test_a_publishing_build_names_its_missing_variable(repository: Repository, build: Build) -> None:
    done = build(repository({}), "--output", "exports")
    assert done.stderr == (
        "error: expected the environment variable ARTIFACT_BUCKET, found none; "
        "set it, or build with --no-publish --dest FOLDER\n"
    )
    assert done.returncode == 1


def runs(pid: int) -> bool:
    """Return whether the process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False

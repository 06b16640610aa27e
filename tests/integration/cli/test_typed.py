"""The command as a process: its streams, its exit codes, and its search for the environment."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from apps.cli.connection import find_environment
from apps.cli.errors import NoTarget
from apps.local.paths import write_json
from tests.support.polling import PATIENCE_SECONDS

GOOD = """name = "hello"
version = "1.4"
[build]
unit_tests = ["echo tested"]
[run]
command = "./hello"
"""


def lifecycle(*arguments: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LIFECYCLE_", "AWS_"))}
    return subprocess.run(
        [sys.executable, "-m", "apps.cli.main", *arguments],
        cwd=cwd,
        env={**kept, **variables},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


@pytest.fixture
def service(tmp_path: Path) -> Path:
    """Return a service that Git tracks."""
    (tmp_path / "lifecycle.toml").write_text(GOOD)
    (tmp_path / "hello").write_text("#!/bin/sh\n")
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
    for arguments in (["init", "-q"], ["add", "."], [*identity, "commit", "-q", "-m", "Begin"]):
        subprocess.run(["git", *arguments], cwd=tmp_path, check=True)
    return tmp_path


def test_a_good_service_file_is_valid(service: Path) -> None:
    done = lifecycle("validate", cwd=service)
    assert (done.returncode, done.stdout, done.stderr) == (0, "ok: hello 1.4.0\n", "")


def test_every_problem_is_reported_with_its_line_and_field(service: Path) -> None:
    (service / "lifecycle.toml").write_text('name = "Hello"\nversion = 2\n[run]\ncommand = ""\n')
    done = lifecycle("validate", cwd=service)
    assert done.returncode == 1
    assert [line.split(": ")[:2] for line in done.stderr.splitlines()] == [
        ["lifecycle.toml:1", "name"],
        ["lifecycle.toml:2", "version"],
        ["lifecycle.toml:4", "run.command"],
        ["problems", "3"],
    ]
    found = json.loads(lifecycle("validate", "--json", cwd=service).stdout)
    assert (found["valid"], [each["line"] for each in found["problems"]]) == (False, [1, 2, 4])


def test_a_pipe_in_a_build_command_is_warned_of(service: Path) -> None:
    (service / "lifecycle.toml").write_text(GOOD.replace("echo tested", "echo tested | tee log"))
    done = lifecycle("validate", cwd=service)
    assert (done.returncode, done.stderr) == (0, "")
    assert "warning: build.unit_tests 1 has a pipe" in done.stdout
    assert len(json.loads(lifecycle("validate", "--json", cwd=service).stdout)["warnings"]) == 1


def test_missing_service_file_names_the_expected_path(tmp_path: Path) -> None:
    done = lifecycle("validate", cwd=tmp_path)
    assert done.returncode == 1
    assert "expected a file lifecycle.toml, found none" in done.stderr


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Return a repository with two services, of which Git tracks nothing yet."""
    root = tmp_path / "shop"
    for name in ("api", "web"):
        (root / name).mkdir(parents=True)
        (root / name / "lifecycle.toml").write_text(GOOD.replace("hello", name))
    subprocess.run(["git", "init", "--quiet", str(root)], check=True)
    return root


def test_every_service_of_a_repository_is_valid(shop: Path) -> None:
    (shop / "api" / "sample").mkdir()
    (shop / "api" / "sample" / "lifecycle.toml").write_text("")
    done = lifecycle("validate", cwd=shop)
    assert done.stdout == (
        "ok: api 1.4.0 in api\nok: web 1.4.0 in web\n"
        "no service of its own: api/sample/lifecycle.toml, because it is in the folder of a service\n"
    )
    found = json.loads(lifecycle("validate", "--json", str(shop), cwd=shop.parent).stdout)
    assert [(each["folder"], each["name"]) for each in found["services"]] == [("api", "api"), ("web", "web")]


def test_folder_of_services_is_checked_as_a_part_of_its_repository(shop: Path) -> None:
    (shop / "more" / "pay").mkdir(parents=True)
    (shop / "more" / "pay" / "lifecycle.toml").write_text('paths = ["../../api"]\n' + GOOD.replace("hello", "pay"))
    assert lifecycle("validate", "more", cwd=shop).stdout == "ok: pay 1.4.0 in pay\n"


def test_problems_of_every_service_of_a_repository_name_their_files(shop: Path) -> None:
    (shop / "api" / "lifecycle.toml").write_text('paths = ["../../x", "/etc"]\n' + GOOD)
    (shop / "web" / "lifecycle.toml").write_text(GOOD.replace("hello", "Web"))
    done = lifecycle("validate", cwd=shop)
    assert done.returncode == 1
    assert "api/lifecycle.toml:1: paths[1]: expected a folder or file, relative to" in done.stderr
    assert "web/lifecycle.toml:1: name: expected" in done.stderr


@pytest.mark.parametrize("where", [".", "lifecycle.toml"])
def test_declared_path_outside_of_the_repository_is_refused(shop: Path, where: str) -> None:
    (shop / "api" / "lifecycle.toml").write_text('paths = ["../web", "../../x"]\n' + GOOD)
    done = lifecycle("validate", where, cwd=shop / "api")
    assert done.returncode == 1
    assert 'api/lifecycle.toml:1: paths[1]: expected a path inside the repository, found "../../x"' in done.stderr


def test_build_of_a_repository_with_several_services_names_their_folders(shop: Path) -> None:
    done = lifecycle("build", ".", cwd=shop)
    assert done.returncode == 1
    assert "expected the folder of one service, found several below .; name one of api, web" in done.stderr


def test_local_build_publishes_nothing_and_leaves_the_artifact(service: Path, tmp_path: Path) -> None:
    into = tmp_path / "built"
    done = lifecycle("build", "--into", str(into), cwd=service)
    assert done.returncode == 0, done.stderr
    assert "tested\n" in done.stdout
    assert f"in {into}" in done.stdout.splitlines()[-1]
    assert (into / "artifact.tar.gz").is_file()


def test_json_build_writes_its_log_to_stderr(service: Path, tmp_path: Path) -> None:
    done = lifecycle("build", "--into", str(tmp_path / "built"), "--json", cwd=service)
    assert json.loads(done.stdout)["manifest"]["service"] == "hello"
    assert "tested\n" in done.stderr


def test_a_failed_build_ends_with_1(service: Path) -> None:
    (service / "lifecycle.toml").write_text(GOOD.replace("echo tested", "exit 3"))
    subprocess.run(
        ["git", "-c", "user.name=A", "-c", "user.email=a@b", "commit", "-qam", "x"], cwd=service, check=True
    )
    done = lifecycle("build", cwd=service)
    assert done.returncode == 1
    assert "error: unit tests 1/1: `exit 3` failed with exit code 3" in done.stderr


def test_environment_that_does_not_answer_is_reported(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{unused.getsockname()[1]}"
        known = {
            "credentials": {"access_key_id": "test", "secret_access_key": "test"},
            "region": "us-east-1",
            "account": "000000000000",
            "endpoint": endpoint,
            "operator_role": "arn:aws:iam::000000000000:role/lifecycle-operator",
        }
        write_json(tmp_path / "environment.json", known)
        done = lifecycle("status", cwd=tmp_path, LIFECYCLE_HOME=str(tmp_path))
    assert (done.returncode, done.stdout) == (1, "")
    message = "error: the environment on this machine does not answer at http://127.0.0.1:"
    assert done.stderr.startswith(message)
    assert ": see lifecycle local status" in done.stderr


def test_unknown_profile_is_reported(tmp_path: Path) -> None:
    variables = {
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "keys"),
    }
    done = lifecycle("status", "--profile", "shop", cwd=tmp_path, **variables)
    assert done.returncode == 1
    assert done.stderr.startswith("error: The config profile (shop) could not be found; ")
    assert done.stderr.count("\n") == 1


def test_damaged_environment_file_is_reported(tmp_path: Path) -> None:
    write_json(tmp_path / "environment.json", {})
    done = lifecycle("status", cwd=tmp_path, LIFECYCLE_HOME=str(tmp_path))
    assert done.returncode == 1
    assert "environment.json (KeyError('credentials')): write it again with `lifecycle local up`" in done.stderr


def test_environment_is_found_upward_from_the_current_folder(tmp_path: Path) -> None:
    file = tmp_path / ".lifecycle" / "environment.json"
    file.parent.mkdir()
    file.write_text("{}")
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    assert find_environment({}, deep) == file


def test_home_without_an_environment_does_not_find_another(tmp_path: Path) -> None:
    with pytest.raises(
        NoTarget, match=r"no environment found in LIFECYCLE_HOME=.* start it with `lifecycle local up`"
    ):
        find_environment({"LIFECYCLE_HOME": str(tmp_path)}, tmp_path)


def test_help_imports_neither_boto3_nor_the_domain(tmp_path: Path) -> None:
    code = (
        "import sys; from typer.testing import CliRunner; from apps.cli.main import app\n"
        "assert CliRunner().invoke(app, ['--help']).exit_code == 0\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('boto3', 'botocore', 'pydantic', 'cattrs')\n"
        "       or name.startswith('lifecycle.domain.')\n"
        "       and name.split('.')[2] not in ('time_format', 'visible_text')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr

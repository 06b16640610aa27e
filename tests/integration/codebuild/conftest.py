import contextlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from apps.local.aws import root_key
from tests.integration.dispatcher.harness import PLAIN, client, emulator, free_port, is_open, process, role
from tests.support.polling import until

SERVICE_ROLE = ["logs:*", "s3:GetObject", "sts:GetCallerIdentity"]


@dataclass
class Workshop:
    """The emulator, the build service in front of it, and a repository to build."""

    emulator: str
    endpoint: str
    folder: Path
    repository: Path
    commit: str

    @property
    def codebuild(self) -> Any:
        return client("codebuild", self.endpoint)

    def project(self, name: str, buildspec: str, allowed: list[str] | None = None, **more: Any) -> str:
        trusted = {"Service": "codebuild.amazonaws.com"}
        arn = role(self.emulator, f"{name}-role", trusted, allowed or SERVICE_ROLE)
        self.codebuild.create_project(
            name=name,
            source={"type": "NO_SOURCE", "buildspec": buildspec},
            artifacts={"type": "NO_ARTIFACTS"},
            environment={
                "type": "LINUX_CONTAINER",
                "image": "aws/codebuild/standard:7.0",
                "computeType": "BUILD_GENERAL1_SMALL",
                "environmentVariables": [{"name": "GREETING", "value": "hello"}],
            },
            serviceRole=arn,
            **more,
        )
        return name

    def start(self, name: str, version: str = "", **more: Any) -> str:
        source = {"sourceTypeOverride": "GITHUB", "sourceLocationOverride": str(self.repository)}
        found = self.codebuild.start_build(projectName=name, sourceVersion=version or self.commit, **source, **more)
        return str(found["build"]["id"])

    def build(self, identity: str) -> dict[str, Any]:
        return dict(self.codebuild.batch_get_builds(ids=[identity])["builds"][0])

    def finished(self, identity: str) -> dict[str, Any]:
        until(lambda: self.build(identity)["buildComplete"], every=0.03)
        return self.build(identity)

    def log(self, build: dict[str, Any]) -> list[str]:
        logs = client("logs", self.emulator)
        names = {
            "logGroupName": build["logs"]["groupName"],
            "logStreamName": build["logs"]["streamName"],
        }
        return [each["message"] for each in logs.get_log_events(startFromHead=True, **names)["events"]]


def phase(build: dict[str, Any], name: str) -> dict[str, Any]:
    return next(each for each in build["phases"] if each["phaseType"] == name)


@contextlib.contextmanager
def service(url: str, home: Path, log: Path) -> Iterator[tuple[str, int]]:
    port = free_port()
    command = [sys.executable, "-m", "apps.local.codebuild", "--listen", f"127.0.0.1:{port}"]
    variables = {"SECRET_OF_THIS_MACHINE": "1", **root_key.variables(PLAIN)}
    with process([*command, "--emulator", url, "--home", str(home)], log, **variables) as child:
        until(lambda: is_open(port) or child.poll() is not None)
        assert child.poll() is None, log.read_text()
        yield f"http://127.0.0.1:{port}", child.pid


def repository(folder: Path) -> tuple[Path, str]:
    def git(*arguments: str) -> str:
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "init.defaultBranch=main"]
        done = subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    folder.mkdir()
    git("init", "--quiet")
    (folder / "version").write_text("1.4.0\n")
    git("add", ".")
    git("commit", "--quiet", "-m", "first")
    return folder, git("rev-parse", "HEAD")


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    folder = tmp_path_factory.mktemp("codebuild")
    made, commit = repository(folder / "repository")
    with (
        emulator(folder) as url,
        service(url, folder / "builds", folder / "service.log") as (endpoint, _),
    ):
        yield Workshop(url, endpoint, folder, made, commit)

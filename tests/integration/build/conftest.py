"""Repositories to build, and the build itself as the process that CodeBuild starts."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from apps.local.aws.emulator import emulator_answers
from tests.support.polling import PATIENCE_SECONDS

ROOT = Path(__file__).parents[3]
BUCKET = "lifecycle-artifacts"
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


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start the emulator with S3 and STS only, which starts fast; yield its URL."""
    port = free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "SERVICES": "s3,sts",
        "TMPDIR": str(tmp_path_factory.mktemp("emulator")),
        "LOG_LEVEL": "ERROR",
    }
    with subprocess.Popen(
        [ROOT / ".venv-emulator/bin/python", "-m", "ministack"], env=environment, stdout=subprocess.DEVNULL
    ) as process:
        url = f"http://127.0.0.1:{port}"
        while not emulator_answers(port):
            assert process.poll() is None, "the emulator ended while it started"
        yield url
        process.terminate()


@pytest.fixture
def s3(endpoint: str) -> Any:
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(s3={"addressing_style": "path"}, proxies={}, retries={"total_max_attempts": 1}),
    )
    client.create_bucket(Bucket=BUCKET)
    yield client
    for found in client.list_objects_v2(Bucket=BUCKET).get("Contents", []):
        client.delete_object(Bucket=BUCKET, Key=found["Key"])
    client.delete_bucket(Bucket=BUCKET)
    client.close()


def push_environment(endpoint: str, folder: Path) -> dict[str, str]:
    """Return the environment of a build of the clone's commit that publishes to the emulator."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "ARTIFACT_BUCKET": BUCKET,
        "CODEBUILD_BUILD_ID": "build:1",
        "LIFECYCLE_REPOSITORY": str(folder),
        "LIFECYCLE_BRANCH": "main",
        "LIFECYCLE_COMMIT": git(folder, "rev-parse", "HEAD"),
    }

"""The example services: each is built from its lifecycle.toml, unpacked as on a host, and run."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError, URLError

import pytest

from apps.agent.unpack import unpack
from lifecycle.domain.service.manifest import Manifest
from lifecycle.servicefile import read_service_file
from tests.support.polling import PATIENCE_SECONDS, until
from tests.support.records import read

from .conftest import ROOT, Build, git

EXAMPLES = ROOT / "examples"
PATH = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
NODE = pytest.mark.skipif(not shutil.which("node", path=PATH), reason="node is not installed")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    return tmp_path / "clone"


def committed(example: str, clone: Path, switches: str | None = None) -> Path:
    shutil.copytree(EXAMPLES / example, clone, ignore=shutil.ignore_patterns("__pycache__", "dist"))
    if switches:
        (clone / "switches.toml").write_text(switches)
    git(clone, "init", "--quiet")
    git(clone, "add", "--all")
    git(clone, "commit", "--quiet", "--message=Begin")
    return clone


@contextmanager
def running(out: Path) -> Iterator[tuple[str, Manifest]]:
    """Unpack the artifact and start it, as an agent does; yield its address once it listens, and its manifest."""
    manifest = read(Manifest, (out / "manifest.json").read_bytes())
    release = out / "release"
    release.mkdir()
    with (out / "artifact.tar.gz").open("rb") as archive:
        unpack(archive, manifest.size, release)
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    environment = {"PATH": PATH, **manifest.run.environment, "HOST": "127.0.0.1", "PORT": str(port)}
    process = subprocess.Popen(
        ["/bin/sh", "-c", manifest.run.command],
        cwd=release,
        env={**environment, "LIFECYCLE_VERSION": manifest.version},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: listens(port) or process.poll() is not None)
        assert process.poll() is None, "the service ended while it started"
        yield f"http://127.0.0.1:{port}", manifest
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=PATIENCE_SECONDS)


def listens(port: int) -> bool:
    with socket.socket() as attempt:
        return attempt.connect_ex(("127.0.0.1", port)) == 0


def status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE_SECONDS) as answer:  # noqa: S310 - ours
            return int(answer.status)
    except HTTPError as error:
        error.close()
        return error.code
    except URLError as error:
        raise AssertionError(f"{url}: {error}") from error


def test_hello_is_built_with_its_own_tests_and_the_result_serves(clone: Path, build: Build, tmp_path: Path) -> None:
    done = build(committed("hello", clone))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "== unit tests 1/1: done" in done.stdout
    assert "== integration tests 1/1: done" in done.stdout
    with running(tmp_path / "out") as (address, manifest):
        with urllib.request.urlopen(address, timeout=PATIENCE_SECONDS) as answer:  # noqa: S310 - ours
            assert answer.headers["X-Version"] == manifest.version
        assert status(f"{address}{manifest.is_alive.path}") == 200
        assert status(f"{address}{manifest.self_test.path}") == 200


def test_the_bad_build_of_hello_passes_its_tests_and_fails_its_self_test(
    clone: Path, build: Build, tmp_path: Path
) -> None:
    done = build(committed("hello", clone, switches="self_test_fails = true\n"))
    assert done.returncode == 0, done.stdout + done.stderr
    with running(tmp_path / "out") as (address, manifest):
        assert status(f"{address}{manifest.is_alive.path}") == 200
        assert status(f"{address}{manifest.self_test.path}") == 500


@pytest.mark.parametrize("example", [pytest.param("other/node-clock", marks=NODE), "other/static-site"])
def test_a_service_in_another_language_needs_only_a_lifecycle_toml(
    example: str, clone: Path, build: Build, tmp_path: Path
) -> None:
    done = build(committed(example, clone))
    assert done.returncode == 0, done.stderr
    with running(tmp_path / "out") as (address, manifest):
        assert status(f"{address}{manifest.is_alive.path}") == 200


@pytest.mark.parametrize(
    ("folder", "files"),
    [("api", ["prices.py", "server.py"]), ("web", ["index.html"])],
)
def test_service_of_several_is_built_in_its_folder_and_holds_only_its_files(
    folder: str, files: list[str], clone: Path, build: Build, tmp_path: Path
) -> None:
    done = build(committed("shop", clone) / folder)
    assert done.returncode == 0, done.stderr
    with tarfile.open(tmp_path / "out" / "artifact.tar.gz") as archive:
        assert archive.getnames() == files
    with running(tmp_path / "out") as (address, manifest):
        assert manifest.service == f"shop-{folder}"
        assert status(f"{address}{manifest.is_alive.path}") == 200


def test_the_reference_names_every_key_of_the_format() -> None:
    file = read_service_file(EXAMPLES / "hello")
    text = (EXAMPLES / "hello" / "lifecycle.toml").read_text()
    checks = (file.checks, file.checks.is_alive, *file.metrics)
    tables = (file, file.build, file.run, file.config, *checks, file.environments.staging)
    keys = {key for table in tables if table for key in type(table).model_fields}
    assert [key for key in sorted(keys) if key not in text] == []

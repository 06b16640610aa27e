"""Git submodules and files of Git LFS: fetched where declared, else refused, however the artifact is packed."""

import shutil
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from .conftest import SMALLEST, Build, Repository, git

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "4d" * 32 + "\nsize 12345\n"
WAYS = [
    "",
    'build.unit_tests = ["true"]',
    'build.commands = ["true"]',
    'build.commands = ["mkdir dist; touch dist/a"]\nbuild.artifact = "dist"',
]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """Serve a repository over HTTP, because Git refuses submodules of local paths; yield its address."""
    (tmp_path / "served").mkdir()
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path / "served"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_address[1]}"
        publish(tmp_path, "other")
        yield f"{address}/other.git"
        server.shutdown()


def publish(tmp_path: Path, name: str, content: str = "x", inner: str = "") -> None:
    """Publish a repository with a file `code`, and with a submodule `inner` if an address is given."""
    other, bare = tmp_path / name, tmp_path / "served" / f"{name}.git"
    other.mkdir()
    git(other, "init", "--quiet", "--initial-branch=main")
    (other / "code").write_text(content)
    if inner:
        git(other, "submodule", "--quiet", "add", inner, "inner")
    git(other, "add", "--all")
    git(other, "commit", "--quiet", "--message=Begin")
    git(tmp_path, "clone", "--quiet", "--bare", str(other), str(bare))
    git(bare, "update-server-info")


def with_submodule(repository: Repository, url: str, text: str = "") -> Path:
    """Return a clone whose folder `vendored` is a submodule that was not fetched."""
    folder = repository({"lifecycle.toml": f"{SMALLEST}{text}\n"})
    git(folder, "submodule", "--quiet", "add", url, "vendored")
    git(folder, "commit", "--quiet", "--message=Add a submodule")
    git(folder, "submodule", "--quiet", "deinit", "--force", "vendored")
    shutil.rmtree(folder / ".git" / "modules")
    return folder


def path_with_lfs(tmp_path: Path, file: str) -> str:
    """Return a PATH with a git-lfs that fetches this file of the repository that it is called in."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "git-lfs"
    program.write_text(
        f"#!/bin/sh\ntest \"$1\" = pull && printf 'the real bytes' > $(git rev-parse --show-cdup){file}\n"
    )
    program.chmod(0o755)
    return f"{tmp_path / 'bin'}:/usr/bin:/bin"


def names(tmp_path: Path) -> list[str]:
    with tarfile.open(tmp_path / "out" / "artifact.tar.gz") as archive:
        return archive.getnames()


@pytest.mark.parametrize("way", WAYS)
def test_a_submodule_that_was_not_fetched_is_refused(
    way: str, repository: Repository, build: Build, served: str
) -> None:
    done = build(with_submodule(repository, served, way))
    assert done.returncode == 1
    assert "expected the content of the Git submodules vendored, found empty folders" in done.stderr
    assert "set build.submodules = true" in done.stderr


@pytest.mark.parametrize("way", WAYS[:3])
def test_a_declared_submodule_is_fetched_and_packed_without_its_git(
    way: str, repository: Repository, build: Build, served: str, tmp_path: Path
) -> None:
    done = build(with_submodule(repository, served, f"build.submodules = true\n{way}"))
    assert (done.returncode, done.stderr) == (0, "")
    assert "vendored/code" in names(tmp_path)
    assert "vendored/.git" not in names(tmp_path)


@pytest.mark.parametrize("way", WAYS[:3])
def test_a_submodule_of_a_submodule_is_packed_without_its_git(
    way: str, repository: Repository, build: Build, served: str, tmp_path: Path
) -> None:
    publish(tmp_path, "outer", inner=served)
    url = served.replace("other.git", "outer.git")
    done = build(with_submodule(repository, url, f"build.submodules = true\n{way}"))
    assert (done.returncode, done.stderr) == (0, "")
    assert {"vendored/code", "vendored/inner/code"} <= set(names(tmp_path))
    assert not [name for name in names(tmp_path) if name.endswith(".git")]


def test_a_submodule_of_a_submodule_that_a_command_left_out_is_refused(
    repository: Repository, build: Build, served: str, tmp_path: Path
) -> None:
    publish(tmp_path, "outer", inner=served)
    way = 'build.commands = ["git submodule update --init"]'
    done = build(with_submodule(repository, served.replace("other.git", "outer.git"), way))
    assert done.returncode == 1
    assert "the content of the Git submodules vendored/inner, found empty folders" in done.stderr


def test_files_of_lfs_in_a_submodule_are_fetched(
    repository: Repository, build: Build, served: str, tmp_path: Path
) -> None:
    publish(tmp_path, "lfs", POINTER)
    text = "build.submodules = true\nbuild.lfs = true\nbuild.unit_tests = ['grep -q real vendored/code']"
    folder = with_submodule(repository, served.replace("other.git", "lfs.git"), text)
    done = build(folder, PATH=path_with_lfs(tmp_path, "code"))
    assert (done.returncode, done.stderr) == (0, "")


def test_a_submodule_that_cannot_be_fetched_fails_the_build_with_the_message_of_git(
    repository: Repository, build: Build, served: str, tmp_path: Path
) -> None:
    folder = with_submodule(repository, served, "build.submodules = true")
    (tmp_path / "served" / "other.git").rename(tmp_path / "gone")
    done = build(folder)
    assert done.returncode == 1
    assert "git submodule update failed" in done.stderr
    assert "no credentials of other repositories" in done.stderr


@pytest.mark.parametrize("way", WAYS)
def test_a_pointer_of_lfs_is_refused(way: str, repository: Repository, build: Build) -> None:
    done = build(repository({"lifecycle.toml": f"{SMALLEST}{way}\n", "model.bin": POINTER}))
    assert done.returncode == 1
    assert "expected the content of model.bin, found pointers of Git LFS; set build.lfs = true" in done.stderr


def test_declared_files_of_lfs_are_fetched_before_the_commands(
    repository: Repository, build: Build, tmp_path: Path
) -> None:
    text = f"{SMALLEST}build.lfs = true\nbuild.unit_tests = ['grep -q real model.bin']\n"
    folder = repository({"lifecycle.toml": text, "model.bin": POINTER})
    done = build(folder, PATH=path_with_lfs(tmp_path, "model.bin"))
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("command", "artifact"),
    [
        ("mkdir dist; mv ../assets/data.bin dist/", 'build.artifact = "dist"'),
        ("mkdir -p dist/a; cp ../assets/data.bin dist/a/b", 'build.artifact = "dist"'),
        ("cp ../assets/data.bin .", ""),
    ],
)
def test_a_pointer_that_a_command_puts_into_the_artifact_is_refused(
    command: str, artifact: str, repository: Repository, build: Build
) -> None:
    text = f"{SMALLEST}build.commands = ['{command}']\n{artifact}\n"
    done = build(repository({"api/lifecycle.toml": text, "assets/data.bin": POINTER}) / "api")
    assert done.returncode == 1
    assert "found pointers of Git LFS; set build.lfs = true" in done.stderr


def test_a_pointer_that_a_test_copies_over_a_tracked_file_is_refused(repository: Repository, build: Build) -> None:
    text = f"{SMALLEST}build.unit_tests = ['cp ../assets/data.bin data.bin']\n"
    files = {"api/lifecycle.toml": text, "api/data.bin": "real", "assets/data.bin": POINTER}
    assert "found pointers of Git LFS" in build(repository(files) / "api").stderr


def test_files_of_lfs_beside_the_service_are_fetched(repository: Repository, build: Build, tmp_path: Path) -> None:
    text = f"{SMALLEST}build.lfs = true\nbuild.unit_tests = ['grep -q real ../assets/data.bin']\n"
    folder = repository({"api/lifecycle.toml": text, "assets/data.bin": POINTER}) / "api"
    done = build(folder, PATH=path_with_lfs(tmp_path, "assets/data.bin"))
    assert (done.returncode, done.stderr) == (0, "")


def test_content_that_a_build_command_fetches_is_accepted(repository: Repository, build: Build) -> None:
    text = f"{SMALLEST}build.commands = ['echo real > model.bin']\n"
    assert build(repository({"lifecycle.toml": text, "model.bin": POINTER})).returncode == 0


def test_a_virtual_environment_is_refused_with_what_works(repository: Repository, build: Build) -> None:
    made = "mkdir -p .venv/bin; touch .venv/pyvenv.cfg; ln -s /usr/bin/python3 .venv/bin/"
    text = f"{SMALLEST}build.commands = ['{made}']\n"
    done = build(repository({"lifecycle.toml": text}))
    assert done.returncode == 1
    assert done.stderr.startswith("error: .venv: the artifact contains a Python virtual environment")
    assert "pip install --target packages" in done.stderr

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
FAKE_LFS = "#!/bin/sh\ntest \"$1\" = pull && printf 'the real bytes' > model.bin\n"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """Serve a repository over HTTP, because Git refuses submodules of local paths; yield its address."""
    other, bare = tmp_path / "other", tmp_path / "served" / "other.git"
    other.mkdir()
    git(other, "init", "--quiet", "--initial-branch=main")
    (other / "code").write_text("x")
    git(other, "add", "code")
    git(other, "commit", "--quiet", "--message=Begin")
    git(tmp_path, "clone", "--quiet", "--bare", str(other), str(bare))
    git(bare, "update-server-info")
    handler = partial(SimpleHTTPRequestHandler, directory=str(bare.parent))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/other.git"
        server.shutdown()


def with_submodule(repository: Repository, url: str, text: str = "") -> Path:
    """Return a clone whose folder `vendored` is a submodule that was not fetched."""
    folder = repository({"lifecycle.toml": f"{SMALLEST}{text}\n"})
    git(folder, "submodule", "--quiet", "add", url, "vendored")
    git(folder, "commit", "--quiet", "--message=Add a submodule")
    git(folder, "submodule", "--quiet", "deinit", "--force", "vendored")
    shutil.rmtree(folder / ".git" / "modules")
    return folder


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
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "git-lfs").write_text(FAKE_LFS)
    (tmp_path / "bin" / "git-lfs").chmod(0o755)
    done = build(folder, PATH=f"{tmp_path / 'bin'}:/usr/bin:/bin")
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

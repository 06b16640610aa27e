"""A build at a desk packs what a push of the commit would."""

import os
import shlex
import subprocess
import tarfile
from pathlib import Path

import pytest

from lifecycle.domain.service.manifest import Manifest
from tests.support.records import read

from .conftest import SMALLEST, Build, Repository, git

BUILT = SMALLEST + 'build.commands = ["touch made"]\n'


def names(tmp_path: Path) -> list[str]:
    with tarfile.open(tmp_path / "out" / "artifact.tar.gz") as archive:
        return archive.getnames()


def test_ignored_files_and_uncommitted_changes_are_not_in_the_artifact(
    repository: Repository, build: Build, tmp_path: Path
) -> None:
    folder = repository({"lifecycle.toml": BUILT, "code": "committed", ".gitignore": ".env\n"})
    (folder / ".env").write_text("PASSWORD=secret")
    (folder / "new").touch()
    (folder / "code").write_text("changed")
    done = build(folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert "== warning: not committed, so not built: code, new\n" in done.stdout
    assert names(tmp_path) == [".gitignore", "code", "lifecycle.toml", "made"]
    with tarfile.open(tmp_path / "out" / "artifact.tar.gz") as archive:
        code = archive.extractfile("code")
        assert code is not None
        assert code.read() == b"committed"
    assert not (folder / "made").exists()


def test_the_manifest_names_the_repository_and_the_branch_of_the_developer(
    repository: Repository, build: Build, tmp_path: Path
) -> None:
    folder = repository({})
    git(folder, "remote", "add", "origin", "https://example.com/hello.git")
    assert build(folder).returncode == 0
    manifest = read(Manifest, (tmp_path / "out" / "manifest.json").read_bytes())
    assert (manifest.repository, manifest.branch) == ("https://example.com/hello.git", "main")
    assert manifest.commit == git(folder, "rev-parse", "HEAD")


def test_a_service_in_a_folder_of_its_repository_is_built_there(
    repository: Repository, build: Build, tmp_path: Path
) -> None:
    text = SMALLEST + "build.commands = ['cp ../shared/prices .']\n"
    folder = repository({"api/lifecycle.toml": text, "shared/prices": "1"})
    done = build(folder / "api")
    assert (done.returncode, done.stderr) == (0, "")
    assert names(tmp_path) == ["lifecycle.toml", "prices"]


def test_a_result_inside_of_the_folder_is_no_uncommitted_change(repository: Repository, build: Build) -> None:
    folder = repository({"lifecycle.toml": BUILT})
    for _ in range(2):
        done = build(folder, "--no-publish", "--dest", str(folder / ".lifecycle-build"))
        assert (done.returncode, "warning" in done.stdout) == (0, False), done.stderr


def test_a_folder_without_a_commit_is_refused_with_the_command(
    repository: Repository, build: Build, tmp_path: Path
) -> None:
    folder = repository({})
    (folder / "more").mkdir()
    (folder / "more" / "lifecycle.toml").write_text(SMALLEST)
    done = build(folder / "more")
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: expected {folder / 'more'} in a commit, found none that has it; commit it")
    assert not (tmp_path / "out" / "manifest.json").exists()


@pytest.mark.skipif(os.getuid() != 0, reason="only root may give a file away")
def test_a_checkout_of_another_owner_is_built(repository: Repository, build: Build, tmp_path: Path) -> None:
    folder = repository({"code": "x"})
    for path in (folder, *folder.rglob("*")):
        os.chown(path, 65534, 65534, follow_symlinks=False)
    done = build(folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert names(tmp_path) == ["code", "lifecycle.toml"]


@pytest.mark.parametrize("what", ["--filter=blob:none --sparse", "--filter=tree:0 --no-checkout"])
def test_a_partial_clone_is_refused_with_the_command_that_mends_it(
    what: str, repository: Repository, build: Build, tmp_path: Path
) -> None:
    source, partial = repository({"big/data": "x"}), tmp_path / "partial clone"
    git(source, "config", "uploadpack.allowFilter", "true")
    git(source, "config", "uploadpack.allowAnySHA1InWant", "true")
    git(tmp_path, "clone", "--quiet", *what.split(), source.as_uri(), str(partial))
    if "tree" in what:
        (partial / "lifecycle.toml").write_text(SMALLEST)
    done = build(partial)
    assert done.returncode == 1
    assert "as in a partial clone; fetch them, then build again: " in done.stderr
    command = done.stderr.rpartition("then build again: ")[2].strip()
    assert shlex.split(command)[:3] == ["git", "-C", str(partial)]
    subprocess.run(shlex.split(command), check=True, capture_output=True)
    assert build(partial).returncode == 0
    assert "big/data" in names(tmp_path)


def test_a_sparse_checkout_with_all_objects_is_built_whole(
    repository: Repository, build: Build, tmp_path: Path
) -> None:
    source, sparse = repository({"big/data": "x"}), tmp_path / "sparse"
    git(tmp_path, "clone", "--quiet", "--sparse", source.as_uri(), str(sparse))
    assert not (sparse / "big").exists()
    assert build(sparse).returncode == 0
    assert "big/data" in names(tmp_path)


def test_a_lost_object_is_refused(repository: Repository, build: Build) -> None:
    folder = repository({"code": "x"})
    lost = git(folder, "rev-parse", "HEAD:code")
    (folder / ".git" / "objects" / lost[:2] / lost[2:]).unlink()
    assert "as in a partial clone" in build(folder).stderr

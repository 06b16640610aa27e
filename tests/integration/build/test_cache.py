"""Caches between builds: later builds take over folders while the declared files stay the same."""

import json
import tarfile
from pathlib import Path

import pytest

from .conftest import SMALLEST, Build, Repository, git

CACHED = (
    SMALLEST
    + """
[build]
cache = ["packages"]
cache_key = ["lock"]
commands = ["test -d packages || { echo installing; mkdir packages; cp lock packages/; ln -s lock packages/link; }"]
"""
)


def change(folder: Path, file: str, text: str) -> None:
    (folder / file).write_text(text)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message=Change")


def caches(home: Path) -> list[Path]:
    return sorted(each.parent for each in home.rglob("facts.json"))


def test_the_second_build_takes_over_the_folder_and_says_the_seconds_saved(
    repository: Repository, build: Build, tmp_path: Path
) -> None:
    folder, home = repository({"lifecycle.toml": CACHED, "lock": "1"}), str(tmp_path / "caches")
    first = build(folder, LIFECYCLE_BUILD_CACHE=home)
    assert (first.returncode, first.stderr) == (0, "")
    assert "installing\n" in first.stdout
    assert "== cache: packages saved for later builds\n" in first.stdout
    change(folder, "code", "changed")
    second = build(folder, LIFECYCLE_BUILD_CACHE=home)
    assert (second.returncode, second.stderr) == (0, "")
    assert "installing\n" not in second.stdout
    assert "== cache: packages restored in " in second.stdout
    assert ": saved 0." in second.stdout
    (cache,) = caches(tmp_path / "caches")
    assert (cache / "packages" / "link").is_symlink()


@pytest.mark.parametrize(("file", "text"), [("lock", "2"), ("lifecycle.toml", CACHED.replace("mkdir", "mkdir -p"))])
def test_a_changed_file_or_command_begins_without_the_cache(
    file: str, text: str, repository: Repository, build: Build, tmp_path: Path
) -> None:
    folder = repository({"lifecycle.toml": CACHED, "lock": "1"})
    for number in range(2):
        if number:
            change(folder, file, text)
        done = build(folder, LIFECYCLE_BUILD_CACHE=str(tmp_path / "caches"))
        assert (done.returncode, "installing\n" in done.stdout) == (0, True)
    assert len(caches(tmp_path / "caches")) == 2


def test_a_failed_build_saves_nothing(repository: Repository, build: Build, tmp_path: Path) -> None:
    folder = repository({"lifecycle.toml": CACHED + 'unit_tests = ["false"]\n', "lock": "1"})
    assert build(folder, LIFECYCLE_BUILD_CACHE=str(tmp_path / "caches")).returncode == 1
    assert caches(tmp_path / "caches") == []


def test_a_damaged_cache_counts_as_none(repository: Repository, build: Build, tmp_path: Path) -> None:
    folder, home = repository({"lifecycle.toml": CACHED, "lock": "1"}), tmp_path / "caches"
    assert build(folder, LIFECYCLE_BUILD_CACHE=str(home)).returncode == 0
    (cache,) = caches(home)
    (cache / "facts.json").write_text("[]")
    done = build(folder, LIFECYCLE_BUILD_CACHE=str(home))
    assert (done.returncode, "installing\n" in done.stdout) == (0, True), done.stderr
    assert "== cache: packages saved for later builds\n" in done.stdout


def test_a_folder_that_git_tracks_is_not_replaced(repository: Repository, build: Build, tmp_path: Path) -> None:
    folder, home = repository({"lifecycle.toml": CACHED, "lock": "1"}), tmp_path / "caches"
    assert build(folder, LIFECYCLE_BUILD_CACHE=str(home)).returncode == 0
    (folder / "packages").mkdir()
    change(folder, "packages/own", "mine")
    (caches(home)[0] / "facts.json").write_text("damaged")
    done = build(folder, LIFECYCLE_BUILD_CACHE=str(home))
    assert done.returncode == 0, done.stderr
    with tarfile.open(tmp_path / "out" / "artifact.tar.gz") as archive:
        names = archive.getnames()
    assert "packages/own" in names
    assert "packages/lock" not in names


def test_the_newest_three_caches_of_a_service_stay(repository: Repository, build: Build, tmp_path: Path) -> None:
    folder, home = repository({"lifecycle.toml": CACHED, "lock": "0"}), tmp_path / "caches"
    for number in range(1, 6):
        assert build(folder, LIFECYCLE_BUILD_CACHE=str(home)).returncode == 0
        change(folder, "lock", str(number))
    assert sorted((each / "packages" / "lock").read_text() for each in caches(home)) == ["2", "3", "4"]


def test_a_missing_key_file_is_named(repository: Repository, build: Build, tmp_path: Path) -> None:
    done = build(repository({"lifecycle.toml": CACHED}), LIFECYCLE_BUILD_CACHE=str(tmp_path / "caches"))
    assert done.returncode == 1
    assert "build.cache_key: expected the file lock, found none" in done.stderr


def test_a_build_at_a_desk_keeps_its_caches_beside_its_result(
    repository: Repository, build: Build, tmp_path: Path
) -> None:
    folder = repository({"lifecycle.toml": CACHED, "lock": "1"})
    for _ in range(2):
        assert build(folder).returncode == 0
    (cache,) = caches(tmp_path / "out" / "cache")
    assert json.loads((cache / "facts.json").read_text())["seconds"] >= 0

"""Packing: the files of an artifact, its reproducible bytes, and its unpacking on a host."""

import os
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from apps.agent.tar_reader import Limits
from apps.agent.unpack import unpack
from apps.build import files
from apps.build import pack as packing
from apps.build.errors import BuildFailed
from apps.build.files import folder_members, tracked_members
from apps.build.pack import Packed, pack

from .conftest import Repository, git

AT = datetime(2026, 11, 23, 1, 46, 30, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make a folder with one of each kind that may be packed."""
    folder = tmp_path / "repository"
    for name in ("dist/bin/serve", "dist/data/ünï", "dist/" + "long/" * 40 + "name", ".git/HEAD"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    (folder / "dist/bin/serve").chmod(0o4777)
    (folder / "dist/data/ünï").chmod(0o600)
    (folder / "dist/empty").mkdir()
    (folder / "dist/current").symlink_to("data")
    (folder / "dist/bin/up").symlink_to("../data/ünï")
    return folder


def packed(folder: Path, into: Path, artifact: str = "dist") -> Packed:
    return pack(folder_members(folder, artifact), into, AT)


def test_the_same_files_give_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    first = packed(folder, tmp_path / "first")
    for found in (folder / "dist").rglob("*"):
        os.utime(found, (1, 1), follow_symlinks=False)
    (folder / "dist/data/ünï").chmod(0o644)
    second = packed(folder, tmp_path / "second")
    assert first.digest == second.digest
    assert first.path.read_bytes() == second.path.read_bytes()
    assert first.size == second.path.stat().st_size
    assert first.path.read_bytes()[4:8] == b"\0\0\0\0", "gzip's own time"


def test_members_are_sorted_and_have_no_owner_and_a_plain_mode(folder: Path, tmp_path: Path) -> None:
    with tarfile.open(packed(folder, tmp_path / "artifact").path) as archive:
        members = archive.getmembers()
    assert [member.name for member in members] == sorted(member.name for member in members)
    assert {(member.uid, member.gid, member.uname, member.gname) for member in members} == {(0, 0, "", "")}
    assert {member.mtime for member in members} == {int(AT.timestamp())}
    modes = {member.name: member.mode for member in members if member.isreg()}
    assert (modes["bin/serve"], modes["data/ünï"]) == (0o755, 0o644)


def test_a_host_unpacks_what_was_packed(folder: Path, tmp_path: Path) -> None:
    artifact = packed(folder, tmp_path / "artifact")
    into = tmp_path / "into"
    into.mkdir()
    with artifact.path.open("rb") as stream:
        unpack(stream, artifact.size, into)
    assert (into / "bin/serve").read_text() == "dist/bin/serve"
    assert os.access(into / "bin/serve", os.X_OK)
    assert (into / "bin/up").read_text() == "dist/data/ünï"
    assert (into / "current").is_symlink()
    assert (into / "empty").is_dir()


def test_the_builds_limits_are_within_the_hosts_limits() -> None:
    limits = Limits()
    assert limits.unpacked_bytes > packing.MAXIMUM_UNPACKED_BYTES
    assert limits.ratio > packing.MAXIMUM_RATIO
    assert limits.ratio_from > packing.RATIO_FROM_BYTES
    assert limits.members >= files.MAXIMUM_MEMBERS
    assert limits.path_bytes >= files.MAXIMUM_PATH_BYTES


def test_the_repositorys_own_git_folder_is_never_packed(folder: Path) -> None:
    (folder / "lifecycle.toml").touch()
    names = [member.name for member in folder_members(folder, ".")]
    assert "lifecycle.toml" in names
    assert not [name for name in names if ".git" in name]


def test_the_destination_folder_is_not_packed(folder: Path) -> None:
    out = folder / "dist" / "out"
    out.mkdir()
    (out / "artifact.tar.gz").touch()
    names = [member.name for member in folder_members(folder, "dist", [out])]
    assert not [name for name in names if name.startswith("out")]
    with pytest.raises(BuildFailed, match=r"expected --dest and build\.artifact to be different folders"):
        folder_members(folder, "dist", [folder / "dist"])


def test_a_link_that_points_outside_through_another_link_is_refused(folder: Path) -> None:
    (folder / "dist/a/b/c").mkdir(parents=True)
    (folder / "dist/deep").symlink_to("a/b/c")
    (folder / "dist/a/b/c/out").symlink_to("../../../../.git")
    with pytest.raises(BuildFailed, match="points outside the artifact"):
        folder_members(folder, "dist")


def test_a_name_that_is_not_utf_8_is_refused(folder: Path) -> None:
    (folder / os.fsdecode(b"dist/\xff")).touch()
    with pytest.raises(BuildFailed, match="expected a name in UTF-8"):
        folder_members(folder, "dist")


def test_almost_empty_files_above_the_ratio_limit_are_refused(folder: Path, tmp_path: Path) -> None:
    with (folder / "dist/zeros").open("wb") as file:
        file.truncate(80 * 1024**2)
    with pytest.raises(BuildFailed, match="which a host refuses as a decompression bomb"):
        packed(folder, tmp_path / "artifact")


def test_a_file_above_the_size_limit_is_refused_before_it_is_read(folder: Path, tmp_path: Path) -> None:
    with (folder / "dist/huge").open("wb") as file:
        file.truncate(3 * 1024**3)
    with pytest.raises(BuildFailed, match="expected at most 2146435072 bytes to pack, found more"):
        packed(folder, tmp_path / "artifact")


def test_a_file_that_vanishes_while_it_is_packed_fails_the_build(folder: Path, tmp_path: Path) -> None:
    members = folder_members(folder, "dist")
    (folder / "dist/bin/serve").unlink()
    with pytest.raises(BuildFailed, match="bin/serve: cannot be packed"):
        pack(members, tmp_path / "artifact", AT)


def test_tracked_members_are_the_tracked_files_and_their_folders(repository: Repository) -> None:
    folder = repository({"a/b/c": "", "d": ""})
    (folder / "a/untracked").touch()
    assert [member.name for member in tracked_members(folder) or []] == [
        "a",
        "a/b",
        "a/b/c",
        "d",
        "lifecycle.toml",
    ]


def test_a_missing_tracked_file_is_named(repository: Repository) -> None:
    folder = repository({"a": ""})
    (folder / "a").unlink()
    with pytest.raises(BuildFailed, match="a: cannot be packed: No such file"):
        tracked_members(folder)


def test_a_submodule_is_refused_with_a_next_step(repository: Repository) -> None:
    folder = repository({})
    inner = folder / "vendored"
    inner.mkdir()
    git(inner, "init", "--quiet")
    git(inner, "commit", "--quiet", "--allow-empty", "--message=Begin")
    git(folder, "-c", "advice.addEmbeddedRepo=false", "add", "vendored")
    with pytest.raises(
        BuildFailed, match=r"vendored: expected the files of the Git submodule.*build\.submodules = true"
    ):
        tracked_members(folder)

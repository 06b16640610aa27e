"""The files of an artifact: the build refuses the files that a host would refuse."""

from pathlib import Path

import pytest

from apps.agent.tar_reader import Limits
from apps.build import files
from apps.build.errors import BuildFailed
from apps.build.files import folder_members


def nested(folder: Path, parts: int) -> Path:
    """Make a folder `dist` with one file, whose path in it has `parts` parts."""
    file = folder / "dist" / Path(*["d"] * (parts - 1)) / "file"
    file.parent.mkdir(parents=True)
    file.touch()
    return folder


def test_a_file_at_the_hosts_depth_limit_is_packed(tmp_path: Path) -> None:
    assert Limits().depth == files.MAXIMUM_PARTS
    assert len(folder_members(nested(tmp_path, Limits().depth), "dist")) == Limits().depth


def test_a_file_above_the_hosts_depth_limit_is_refused_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(BuildFailed) as refused:
        folder_members(nested(tmp_path, 65), "dist")
    path = "d/" * 64 + "file"
    message = f"{path}: expected a path of at most 64 parts, found 65; move it to a higher folder"
    assert str(refused.value) == message


def test_link_to_a_path_above_the_hosts_limit_is_refused(tmp_path: Path) -> None:
    assert Limits().path_bytes == files.MAXIMUM_PATH_BYTES
    nested(tmp_path, 1)
    (tmp_path / "dist" / "link").symlink_to("d/../" * 300 + "file")
    with pytest.raises(BuildFailed, match="link: expected a link to a path of at most 1024 bytes"):
        folder_members(tmp_path, "dist")


def test_names_above_half_of_the_hosts_limit_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Limits().names_bytes == 2 * files.MAXIMUM_NAMES_BYTES
    monkeypatch.setattr(files, "MAXIMUM_NAMES_BYTES", 10)
    with pytest.raises(BuildFailed, match="expected paths of at most 10 bytes together, found 12"):
        folder_members(nested(tmp_path, 3), "dist")

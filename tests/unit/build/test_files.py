"""Which files may be packed: what a host would refuse is refused where the developer sees it."""

from pathlib import Path

import pytest

from apps.agent.unpack import Limits
from apps.build import files
from apps.build.errors import BuildFailed
from apps.build.files import folder_members


def nested(folder: Path, parts: int) -> Path:
    """A folder `dist` with one file, whose path in it has that many parts."""
    file = folder / "dist" / Path(*["d"] * (parts - 1)) / "file"
    file.parent.mkdir(parents=True)
    file.touch()
    return folder


def test_a_file_as_deep_as_a_host_takes_is_packed(tmp_path: Path) -> None:
    assert Limits().depth == files.MAXIMUM_PARTS
    assert len(folder_members(nested(tmp_path, Limits().depth), "dist")) == Limits().depth


def test_a_file_deeper_than_a_host_takes_is_refused_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(BuildFailed) as refused:
        folder_members(nested(tmp_path, 65), "dist")
    path = "d/" * 64 + "file"
    told = f"{path}: expected a path of at most 64 folders and file, found 65; move it further up"
    assert str(refused.value) == told

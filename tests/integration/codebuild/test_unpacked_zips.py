"""Zips of build tools: unpacked once, again after a change, and read with each build's own permission."""

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from apps.local.codebuild.sources import PhaseFailedError
from apps.local.codebuild.unpacked_zips import UnpackedZips

PLACE = "assets/tools.zip"


class Body(io.BytesIO):
    def iter_chunks(self, size: int) -> Any:
        return iter(lambda: self.read(size), b"")


class Store:
    """S3 with one object; `reads` counts how often its bytes were read."""

    def __init__(self, **files: str) -> None:
        self.reads, self.allowed, self._bytes = 0, True, b""
        self.put(**files)

    def put(self, **files: str) -> None:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for name, text in files.items():
                archive.writestr(f"tools/{name}.py", text)
        self._bytes = packed.getvalue()

    def break_off(self) -> None:
        self._bytes = self._bytes[:20]

    def head_object(self, **place: str) -> dict[str, Any]:
        if not self.allowed or place != {"Bucket": "assets", "Key": "tools.zip"}:
            raise ClientError({"Error": {"Code": "403", "Message": "Forbidden"}}, "HeadObject")
        return {"ETag": f'"{hash(self._bytes)}"'}

    def get_object(self, **place: str) -> dict[str, Any]:
        self.reads += 1
        return {"Body": Body(self._bytes)}


@pytest.fixture
def zips(tmp_path: Path) -> UnpackedZips:
    return UnpackedZips(tmp_path / "zips")


def test_builds_share_what_is_unpacked_once(zips: UnpackedZips, tmp_path: Path) -> None:
    store = Store(main="print(1)")
    for number in range(3):
        zips.link(store, PLACE if number else f"arn:aws:s3:::{PLACE}", tmp_path / f"src{number}")
        assert (tmp_path / f"src{number}" / "tools" / "main.py").read_text() == "print(1)"
        cache = tmp_path / f"src{number}" / "tools" / "__pycache__"
        cache.mkdir(exist_ok=True)
        (cache / "main.pyc").write_text(f"written by an import of build {number}")
    assert store.reads == 1
    assert (tmp_path / "src0").resolve() == (tmp_path / "src2").resolve()


@pytest.mark.parametrize("change", ["write", "remove", "add"])
def test_what_a_build_changed_is_unpacked_again_for_the_next(zips: UnpackedZips, tmp_path: Path, change: str) -> None:
    store = Store(main="print(1)", other="")
    zips.link(store, PLACE, tmp_path / "first")
    tools = tmp_path / "first" / "tools"
    if change == "write":
        (tools / "main.py").write_text("print(2)")
    elif change == "remove":
        (tools / "main.py").unlink()
    else:
        (tools / "new.py").write_text("")
    zips.link(store, PLACE, tmp_path / "second")
    assert {path.name for path in (tmp_path / "second" / "tools").iterdir()} == {"main.py", "other.py"}
    assert (tmp_path / "second" / "tools" / "main.py").read_text() == "print(1)"


def test_another_zip_of_the_same_name_is_unpacked_beside_the_first(zips: UnpackedZips, tmp_path: Path) -> None:
    store = Store(main="print(1)")
    zips.link(store, PLACE, tmp_path / "first")
    store.put(main="print(2)")
    zips.link(store, PLACE, tmp_path / "second")
    texts = [(tmp_path / name / "tools" / "main.py").read_text() for name in ("first", "second")]
    assert texts == ["print(1)", "print(2)"]


def test_a_build_that_may_not_read_the_zip_gets_nothing(zips: UnpackedZips, tmp_path: Path) -> None:
    store = Store(main="print(1)")
    zips.link(store, PLACE, tmp_path / "first")
    store.allowed = False
    with pytest.raises(PhaseFailedError, match=r"cannot download s3://assets/tools\.zip"):
        zips.link(store, PLACE, tmp_path / "second")
    assert not (tmp_path / "second").exists()


def test_half_a_zip_is_refused_and_the_whole_one_taken_later(zips: UnpackedZips, tmp_path: Path) -> None:
    store = Store(main="print(1)")
    store.break_off()
    with pytest.raises(PhaseFailedError, match=r"expected a zip in s3://assets/tools\.zip"):
        zips.link(store, PLACE, tmp_path / "first")
    store.put(main="print(1)")
    zips.link(store, PLACE, tmp_path / "second")
    assert (tmp_path / "second" / "tools" / "main.py").exists()


def test_a_new_start_of_the_build_service_begins_without_folders(zips: UnpackedZips, tmp_path: Path) -> None:
    zips.link(Store(main="print(1)"), PLACE, tmp_path / "first")
    UnpackedZips(tmp_path / "zips")
    assert list((tmp_path / "zips").iterdir()) == []

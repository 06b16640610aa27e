import os
import zipfile
from io import BytesIO
from pathlib import Path

from apps.local.aws.assets import zipped


def test_zip_of_the_same_files_is_always_the_same_bytes(tmp_path: Path) -> None:
    for name, moment in (("one", 1_600_000_000), ("two", 1_700_000_000)):
        folder = tmp_path / name / "inner"
        folder.mkdir(parents=True)
        (folder / "file.py").write_text("x = 1\n")
        os.utime(folder / "file.py", (moment, moment))
    assert zipped(tmp_path / "one") == zipped(tmp_path / "two")


def test_zip_preserves_the_mode_of_a_program(tmp_path: Path) -> None:
    (tmp_path / "run.sh").write_text("#!/bin/sh\n")
    (tmp_path / "run.sh").chmod(0o755)
    (tmp_path / "data").write_text("")
    with zipfile.ZipFile(BytesIO(zipped(tmp_path))) as archive:
        modes = {entry.filename: entry.external_attr >> 16 & 0o777 for entry in archive.infolist()}
    assert modes == {"run.sh": 0o755, "data": 0o644}

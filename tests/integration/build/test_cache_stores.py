"""One suite for the caches of a machine and those in S3: what a build saved, a later one finds."""

import io
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import pytest

from apps.build.cache import Caches, CacheUnavailable, FolderCaches
from apps.build.s3_caches import PREFIX, S3Caches
from lifecycle.names import Variable

from .conftest import BUCKET, ROOT, Build, Repository, git, push_environment
from .test_cache import CACHED, change

TOKEN = "3f" * 16
FOLDERS = ("node_modules", "web/packages")


@pytest.fixture(params=["folder", pytest.param("s3", marks=pytest.mark.emulator)])
def caches(request: pytest.FixtureRequest, tmp_path: Path) -> Caches:
    if request.param == "folder":
        return FolderCaches(tmp_path / "caches")
    return S3Caches(request.getfixturevalue("s3"), BUCKET, f"{TOKEN}/hello")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone with two folders to cache, and one that is not declared."""
    made = tmp_path / "clone"
    for name in ("node_modules/.bin", "node_modules/empty", "web/packages", "other"):
        (made / name).mkdir(parents=True)
    (made / "node_modules" / "tool.js").write_text("run")
    (made / "node_modules" / "tool.js").chmod(0o755)
    (made / "node_modules" / ".bin" / "tool").symlink_to("../tool.js")
    (made / "node_modules" / "python").symlink_to("/usr/bin/python3")
    (made / "web" / "packages" / "names").write_text("caf\u00e9")
    (made / "other" / "file").write_text("other")
    return made


def tree(folder: Path) -> dict[str, str]:
    """Return each path with what it is."""
    found = {}
    for path in sorted(folder.rglob("*")):
        shown = f"-> {path.readlink()}" if path.is_symlink() else "folder" if path.is_dir() else path.read_text()
        found[str(path.relative_to(folder))] = shown + (" x" if path.is_file() and os.access(path, os.X_OK) else "")
    return found


def test_nothing_is_found_before_something_is_saved(caches: Caches, tmp_path: Path) -> None:
    (tmp_path / "into").mkdir()
    assert caches.load("name", FOLDERS, tmp_path / "into") is None
    assert tree(tmp_path / "into") == {}


def test_saved_folders_come_back_as_they_were(caches: Caches, clone: Path, tmp_path: Path) -> None:
    caches.save("name", FOLDERS, clone, 12.5)
    into = tmp_path / "into"
    into.mkdir()
    assert caches.load("name", FOLDERS, into) == 12.5
    assert tree(into) == {path: what for path, what in tree(clone).items() if not path.startswith("other")}
    assert caches.load("other name", FOLDERS, into) is None


def test_only_the_folders_that_are_asked_for_come_back(caches: Caches, clone: Path, tmp_path: Path) -> None:
    caches.save("name", FOLDERS, clone, 1.0)
    into = tmp_path / "into"
    into.mkdir()
    assert caches.load("name", ("web/packages", "never/saved"), into) == 1.0
    assert sorted(tree(into)) == ["web", "web/packages", "web/packages/names"]


def test_a_second_save_of_a_name_does_no_harm(caches: Caches, clone: Path, tmp_path: Path) -> None:
    for _ in range(2):
        caches.save("name", FOLDERS, clone, 1.0)
    assert caches.load("name", FOLDERS, tmp_path) == 1.0


READ_ONLY = """
import os, sys
from pathlib import Path
from apps.build.cache import Cache, FolderCaches
at = Path(sys.argv[1])
if os.getuid() == 0:  # root may write anywhere
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
module = at / "clone/mod/example.com"
module.mkdir(parents=True)
(module / "go.mod").write_text("x")
module.chmod(0o555)
module.parent.chmod(0o555)
caches = FolderCaches(at / "home")
for number in range(5):
    caches.save(f"key{number}", ("mod",), at / "clone", 1.0)
    os.utime(at / f"home/key{number}/facts.json", (number, number))
caches.save("key5", ("mod",), at / "clone", 1.0)
print(sorted(each.name for each in (at / "home").iterdir()))
(at / "home/key5/facts.json").unlink()
caches.save("key5", ("mod",), at / "clone", 2.0)
(at / "into").mkdir()
print(Cache(caches, "key5", ("mod",)).restore(at / "into"), sorted(each.name for each in (at / "into").iterdir()))
print((at / "into/mod/example.com/go.mod").read_text(), oct((at / "into/mod").stat().st_mode)[-3:])
"""


def test_folders_that_nobody_may_write_to_are_saved_restored_and_forgotten() -> None:
    with tempfile.TemporaryDirectory() as home:
        Path(home).chmod(0o777)
        path = {"PYTHONPATH": f"{ROOT}:{ROOT / 'layers/core/python'}", "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-P", "-c", READ_ONLY, home]
        done = subprocess.run(command, env=path, capture_output=True, text=True, check=False)
    assert (done.stderr, done.returncode) == ("", 0)
    assert done.stdout.splitlines() == ["['key3', 'key4', 'key5']", "2.0 ['mod']", "x 555"]


def test_what_an_ended_build_left_unfinished_is_deleted_after_a_day(clone: Path, tmp_path: Path) -> None:
    home = tmp_path / "caches"
    for name in ("new-old", "new-now"):
        (home / name).mkdir(parents=True)
    os.utime(home / "new-old", (1, 1))
    FolderCaches(home).save("name", FOLDERS, clone, 1.0)
    assert sorted(each.name for each in home.iterdir()) == ["name", "new-now"]


@pytest.mark.emulator
@pytest.mark.parametrize("damage", ["", "no archive", "cut", "outside"])
def test_a_damaged_archive_is_said_to_be_and_can_be_saved_again(
    s3: Any, clone: Path, tmp_path: Path, damage: str
) -> None:
    caches, place = S3Caches(s3, BUCKET, TOKEN), {"Bucket": BUCKET, "Key": f"{TOKEN}/name.tar.gz"}
    caches.save("name", FOLDERS, clone, 1.0)
    whole = s3.get_object(**place)["Body"].read()
    found = {"cut": whole[: len(whole) // 2], "outside": _outside()}.get(damage, damage.encode())
    s3.put_object(**place, Body=found, Metadata={"seconds": "1"})
    (tmp_path / "into").mkdir()
    with pytest.raises(CacheUnavailable, match=f"{TOKEN}/name cannot be read"):
        caches.load("name", FOLDERS, tmp_path / "into")
    assert not (tmp_path / "escaped").exists()
    caches.save("name", FOLDERS, clone, 1.0)
    assert caches.load("name", FOLDERS, tmp_path) == 1.0


def _outside() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("node_modules/../../escaped"), io.BytesIO())
    return file.getvalue()


@pytest.mark.emulator
def test_another_prefix_has_caches_of_its_own(s3: Any, clone: Path, tmp_path: Path) -> None:
    S3Caches(s3, BUCKET, f"{TOKEN}/hello").save("name", FOLDERS, clone, 1.0)
    assert S3Caches(s3, BUCKET, f"{TOKEN}/shop").load("name", FOLDERS, tmp_path) is None


@pytest.mark.emulator
def test_too_large_an_archive_is_not_saved(s3: Any, clone: Path, tmp_path: Path) -> None:
    caches = S3Caches(s3, BUCKET, TOKEN, most_bytes=100)
    with pytest.raises(CacheUnavailable, match=r"packed it has \d+ bytes, at most 100 are kept"):
        caches.save("name", FOLDERS, clone, 1.0)
    assert caches.load("name", FOLDERS, tmp_path) is None


@pytest.mark.emulator
def test_a_bucket_that_is_gone_is_said_to_be(s3: Any, clone: Path, tmp_path: Path) -> None:
    caches = S3Caches(s3, "no-such-bucket", TOKEN)
    with pytest.raises(CacheUnavailable, match="NoSuchBucket"):
        caches.load("name", FOLDERS, tmp_path)
    with pytest.raises(CacheUnavailable, match="NoSuchBucket"):
        caches.save("name", FOLDERS, clone, 1.0)


@pytest.mark.emulator
def test_a_build_of_a_push_takes_over_what_an_earlier_one_saved_in_s3(
    s3: Any, endpoint: str, repository: Repository, build: Build, tmp_path: Path
) -> None:
    folder = repository({"lifecycle.toml": CACHED, "lock": "1"})
    for number, said in enumerate(("packages saved for later builds", "packages restored in ")):
        if number:
            change(folder, "code", "changed")
            git(folder, "update-ref", "refs/remotes/origin/main", "HEAD")
        environ = push_environment(endpoint, folder) | {Variable.CACHE_BUCKET: BUCKET, PREFIX: TOKEN}
        done = build(folder, "--output", str(tmp_path / "exports"), **environ)
        assert (done.returncode, done.stderr) == (0, "")
        assert f"== cache: {said}" in done.stdout
        assert ("installing\n" in done.stdout) == (number == 0)
    found = [each["Key"] for each in s3.list_objects_v2(Bucket=BUCKET, Prefix=TOKEN)["Contents"]]
    assert [key.rpartition("/")[0] for key in found] == [f"{TOKEN}/hello"]


@pytest.mark.emulator
def test_a_cache_that_cannot_be_reached_fails_no_build(
    s3: Any, endpoint: str, repository: Repository, build: Build, tmp_path: Path
) -> None:
    folder = repository({"lifecycle.toml": CACHED, "lock": "1"})
    environ = push_environment(endpoint, folder) | {Variable.CACHE_BUCKET: "no-such-bucket", PREFIX: TOKEN}
    done = build(folder, "--output", str(tmp_path / "exports"), **environ)
    assert (done.returncode, done.stderr) == (0, "")
    assert "== cache: packages not restored: " in done.stdout
    assert "== cache: packages not saved: " in done.stdout

"""A service's user owns the trees of its releases, and may put anything there: its agent goes on, and removes it."""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest

from apps.agent.fingerprint import fingerprint
from apps.agent.release_store import ReleaseStore
from apps.agent.removal import Removal
from apps.agent.tar_reader import Limits
from lifecycle.domain.fleet.host_command import Order
from lifecycle.domain.service.manifest import Manifest
from tests.integration.agent.host import Host

DEEP, WIDE = 1200, 500


@contextmanager
def _inside(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def _names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def _nest(tree: Path, depth: int, name: bytes = b"d") -> None:
    """Make folders in folders, whose whole path no call takes."""
    with _inside(tree):
        for _ in range(depth):
            Path(os.fsdecode(name)).mkdir()
            os.chdir(name)
        Path("file").write_text("x")


def _deep(tree: Path) -> None:
    _nest(tree, DEEP)


def _too_long_for_a_path(tree: Path) -> None:
    _nest(tree, 40, b"n" * 250)


def _special_files(tree: Path) -> None:
    os.mkfifo(tree / "fifo")
    with _inside(tree), socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")


def _odd_names(tree: Path) -> None:
    for name in (b"\xff\xfe", b"a\nb", b"-rf", b" ", b"\xc0" * 255):
        Path(os.fsdecode(os.fsencode(tree) + b"/" + name)).mkdir()
        Path(os.fsdecode(os.fsencode(tree) + b"/" + name + b"/\xff")).write_text("x")


def _without_rights(tree: Path) -> None:
    _nest(tree, 50)
    (tree / "d" / "shut").mkdir()
    (tree / "d" / "shut" / "file").write_text("x")
    for folder in ("d/d", "d/shut", "d"):
        (tree / folder).chmod(0)
    tree.chmod(0)


def _wide(tree: Path) -> None:
    for number in range(WIDE):
        (tree / f"{number}").mkdir()


HOSTILE = [_deep, _too_long_for_a_path, _special_files, _odd_names, _without_rights, _wide]


def _install(host: Host, store: ReleaseStore, manifest: Manifest) -> None:
    turn = host.turn(Order.INSTALL, manifest.version)
    store.place(store.prepare(turn, lambda: None))
    store.switch(manifest.version)


@pytest.mark.parametrize("fill", HOSTILE)
def test_tree_that_its_service_has_filled_is_unpacked_again(still_host: Host, fill: Callable[[Path], None]) -> None:
    manifest = still_host.publish("1.0.0")
    store = ReleaseStore(still_host.settings.home, "hello", still_host.releases)
    _install(still_host, store, manifest)
    fill(store.folder("1.0.0"))
    _install(still_host, store, manifest)
    assert _names(store.folder("1.0.0")) == ["serve.py", "version"]
    assert not _names(still_host.settings.home / "tmp")


@pytest.mark.parametrize("fill", HOSTILE)
def test_tree_that_its_service_has_filled_is_pruned(still_host: Host, fill: Callable[[Path], None]) -> None:
    store = ReleaseStore(still_host.settings.home, "hello", still_host.releases)
    for version in ("1.0.0", "1.0.1", "1.0.2", "1.0.3"):
        _install(still_host, store, still_host.publish(version))
        if version == "1.0.0":
            fill(store.folder(version))
    store.prune(("1.0.3", "1.0.2"))
    assert _names(still_host.settings.home / "releases") == ["1.0.1", "1.0.2", "1.0.3"]
    assert not _names(still_host.settings.home / "tmp")


@pytest.mark.parametrize("fill", HOSTILE)
def test_agent_starts_with_what_is_left_of_a_tree(
    tmp_path: Path, still_host: Host, fill: Callable[[Path], None]
) -> None:
    left = tmp_path / "tmp" / "doomed-1"
    left.mkdir(parents=True)
    fill(left)
    ReleaseStore(tmp_path, "hello", still_host.releases)
    assert not _names(tmp_path / "tmp")


def test_removal_leaves_what_a_link_points_to(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "file").write_text("x")
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "link").symlink_to(other)
    (tree / "up").symlink_to("..")
    assert Removal().remove(tree)
    assert (other / "file").exists()
    (tmp_path / "link").symlink_to(other)
    assert Removal().remove(tmp_path / "link")
    assert (other / "file").exists()


def test_removal_ends_in_time_and_a_later_one_goes_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    _wide(tree)
    ticks = count()
    assert not Removal(100, lambda: float(next(ticks))).remove(tree)
    assert 0 < len(_names(tree)) < WIDE
    assert "its time was over" in caplog.text
    assert Removal().remove(tree)


def test_removal_ends_though_the_service_goes_on_to_write(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "first").write_text("x")
    ticks = count()

    def clock() -> float:
        now = next(ticks)
        if tree.exists():
            (tree / f"new-{now}").write_text("x")
        return float(now)

    Removal(500, clock).remove(tree)
    assert next(ticks) < 1000


def test_log_names_what_cannot_be_removed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    for name in (b"a\nb\xff", b"free"):
        Path(os.fsdecode(os.fsencode(tree) + b"/" + name)).write_text("x")
    unlink = os.unlink

    def immutable(name: str, *, dir_fd: int | None = None) -> None:
        if name != "free":
            raise PermissionError(1, "Operation not permitted")
        unlink(name, dir_fd=dir_fd)

    monkeypatch.setattr(os, "unlink", immutable)
    assert not Removal().remove(tree)
    assert r"'a\nb\udcff': Operation not permitted" in caplog.text
    assert _names(tree) == [os.fsdecode(b"a\nb\xff")]


def test_deeper_or_wider_tree_than_any_archive_has_no_fingerprint(tmp_path: Path) -> None:
    limits = Limits(members=4, depth=3)
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c").write_text("x")
    assert fingerprint(tmp_path, limits)
    (tmp_path / "d").write_text("x")
    assert fingerprint(tmp_path, limits)
    (tmp_path / "e").write_text("x")
    assert fingerprint(tmp_path, limits) is None
    (tmp_path / "e").unlink()
    (tmp_path / "d").unlink()
    (tmp_path / "a" / "b" / "c").unlink()
    (tmp_path / "a" / "b" / "c" / "d").mkdir(parents=True)
    assert fingerprint(tmp_path, limits) is None

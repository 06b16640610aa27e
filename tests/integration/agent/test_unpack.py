"""Hostile archives are refused; valid archives are extracted as they were packed."""

import gzip
import io
import itertools
import os
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from apps.agent.tar_reader import Limits, TarReader
from apps.agent.unpack import unpack
from lifecycle.domain.errors import UnsafeArchive
from lifecycle.domain.fleet.host import AgentStage
from lifecycle.domain.service.manifest import Check, Run
from tests.integration.agent.host import Host, manifest_of, pack

Member = tuple[tarfile.TarInfo, bytes]


def member(name: str, data: bytes = b"", **facts: object) -> Member:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    info.mode = 0o644
    for fact, value in facts.items():
        setattr(info, fact, value)
    return info, data


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> Member:
    return member(name, type=kind, linkname=target)


def folder(name: str) -> Member:
    return member(name, type=tarfile.DIRTYPE)


def archive(*members: Member, form: int = tarfile.PAX_FORMAT) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", format=form) as tar:
        for info, data in members:
            tar.addfile(info, io.BytesIO(data))
    return packed.getvalue()


def extract(packed: bytes, into: Path, limits: Limits | None = None) -> None:
    into.mkdir(exist_ok=True)
    unpack(io.BytesIO(packed), len(packed), into, limits)


HOSTILE = {
    "an absolute path": [member("/etc/evil", b"x")],
    "a path out of the folder": [member("a/../../evil", b"x")],
    "a folder out of the folder": [folder("../evil")],
    "a link to an absolute path": [link("evil", "/etc")],
    "a link that points outside": [link("a/evil", "../../outside")],
    "a link through another link": [
        folder("a/b"),
        link("a/b/up", "../.."),
        link("evil", "a/b/up/../outside"),
    ],
    "a write through a link": [link("evil", "/tmp"), member("evil/x", b"x")],
    "a write through a link inside": [folder("a"), link("b", "a"), member("b/x", b"x")],
    "a write over a link": [link("evil", "a"), member("evil", b"x")],
    "a hard link": [member("a", b"x"), link("b", "a", tarfile.LNKTYPE)],
    "a hard link outside": [link("b", "/etc/passwd", tarfile.LNKTYPE)],
    "a pipe": [member("a", type=tarfile.FIFOTYPE)],
    "a character device": [member("a", type=tarfile.CHRTYPE, devmajor=1, devminor=3)],
    "a block device": [member("a", type=tarfile.BLKTYPE, devmajor=8)],
    "an unknown kind": [member("a", type=b"Z")],
    "the same file twice": [member("a", b"x"), member("a", b"y")],
    "the same file in two spellings": [member("a/b", b"x"), member("./a//b", b"y")],
    "a file in a file": [member("a", b"x"), member("a/b", b"y")],
    "a file over a folder": [member("a/b", b"x"), member("a", b"y")],
    "a name that is too long": [member("a" * 300, b"x")],
    "too deep a path": [member("a/" * 70 + "b", b"x")],
    "no size": [member("a", pax_headers={"size": "-1"})],
    "a sparse file": [
        member(
            "a",
            pax_headers={
                "GNU.sparse.major": "1",
                "GNU.sparse.minor": "0",
                "GNU.sparse.name": "a",
                "GNU.sparse.realsize": str(2**40),
            },
        )
    ],
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_archive_is_refused(what: str, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    before = sorted(tmp_path.iterdir())

    with pytest.raises(UnsafeArchive):
        extract(archive(*HOSTILE[what]), tmp_path / "in")

    assert sorted(tmp_path.iterdir()) == sorted([*before, tmp_path / "in"])
    assert list((tmp_path / "outside").iterdir()) == []


def _long_header() -> bytes:
    return archive(member("a", pax_headers={"comment": "x" * 3_000_000}))


def _nested_headers() -> bytes:
    header: bytes = tarfile.TarInfo("a").create_pax_header({**tarfile.TarInfo("a").get_info(), "name": "é"}, "utf-8")
    return gzip.compress(header[:1024] * 900)


def _broken(where: Callable[[bytes], bytes]) -> bytes:
    return where(archive(member("a", os.urandom(5000)), member("b", os.urandom(5000))))


MALFORMED: dict[str, Callable[[], bytes]] = {
    "a header that fills the memory": _long_header,
    "headers of headers": _nested_headers,
    "data after its end": lambda: gzip.compress(gzip.decompress(archive(member("a"))) + b"hidden" * 200),
    "half of its bytes": lambda: _broken(lambda packed: packed[: len(packed) // 2]),
    "half of its members": lambda: _broken(lambda packed: gzip.compress(gzip.decompress(packed)[:8000])),
    "a broken checksum": lambda: _broken(lambda packed: packed[:-8] + b"\0" * 8),
    "no gzip": lambda: b"PK\x03\x04 this is a zip",
    "no bytes": lambda: b"",
    "no tar in it": lambda: gzip.compress(b"hello" * 1000),
}


@pytest.mark.parametrize("what", MALFORMED)
def test_a_malformed_archive_is_refused(what: str, tmp_path: Path) -> None:
    with pytest.raises(UnsafeArchive):
        extract(MALFORMED[what](), tmp_path / "in")


def header(name: str, kind: bytes, size: int = 0) -> bytes:
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, size
    return info.tobuf(tarfile.USTAR_FORMAT)


def extension(kind: bytes, text: bytes) -> bytes:
    """Return a header that extends the member after it."""
    return header("extension", kind, len(text)) + text + b"\0" * (-len(text) % 512)


def packed(*blocks: bytes) -> bytes:
    return gzip.compress(b"".join(blocks) + b"\0" * 1024)


FILE = header("a", b"0")
DIGITS = extension(b"x", b"1" * 65_000)
COSTLY: dict[str, Callable[[], bytes]] = {
    "a pax header of digits": lambda: packed(DIGITS, FILE),
    "many pax headers of digits": lambda: packed(*(DIGITS + header(f"f{n}", b"0") for n in range(900))),
    "a pax header without an end": lambda: packed(extension(b"x", b"9" * 19 + b" a=b\n"), FILE),
    "a pax length of many digits": lambda: packed(extension(b"x", b"1" * 60_000 + b" a=b\n"), FILE),
    "a pax header above 64 KiB": lambda: packed(extension(b"x", b"1" * 2**16 + b"1"), FILE),
    "a pax header that says it is endless": lambda: packed(header("x", b"x", 8**11 - 1), FILE),
    "a size of many digits": lambda: archive(member("a", pax_headers={"size": "9" * 5000})),
    "huge attributes": lambda: archive(member("a", pax_headers={"SCHILY.xattr.user.x": "x" * 70_000})),
    "a long name above 64 KiB": lambda: packed(extension(b"L", b"a/" * 40_000), FILE),
    "a long link above 64 KiB": lambda: packed(extension(b"K", b"a/" * 40_000), header("a", b"2")),
    "two long names": lambda: packed(extension(b"L", b"b\0"), extension(b"L", b"c\0"), FILE),
    "a global header with a path": lambda: packed(extension(b"g", b"9 path=x\n"), FILE),
    "a long name of nothing": lambda: packed(extension(b"L", b"b\0")),
    "an old sparse file": lambda: packed(header("a", b"S", 512), b"\0" * 512),
    "a folder with bytes": lambda: packed(header("a", b"5", 512), FILE),
    "a link with a zero byte": lambda: packed(
        extension(b"x", b"17 linkpath=a\0b\n\n"[:16] + b"\n"), header("a", b"2")
    ),
    "a link of links": lambda: archive(*(link(f"l{n}", f"l{n + 1}") for n in range(3000))),
    "folders that no member names": lambda: archive(*(member(f"{n}/" * 60 + "f") for n in range(2000))),
    "a wrong checksum": lambda: packed(FILE[:148] + b"0000000\0" + FILE[156:]),
    "no octal size": lambda: packed(FILE[:124] + b"1_0\0" + FILE[128:]),
    "parts of gzip that hold nothing": lambda: gzip.compress(b"") * 20_000,
}


@pytest.mark.parametrize("what", COSTLY)
def test_a_costly_archive_is_refused_at_once(what: str, tmp_path: Path) -> None:
    hostile = COSTLY[what]()
    began = time.process_time()
    with pytest.raises(UnsafeArchive):
        extract(hostile, tmp_path / "in", Limits(members=20_000))
    assert time.process_time() - began < 5


def test_names_above_their_limit_are_refused(tmp_path: Path) -> None:
    named = archive(*(member(f"{n}" * 50) for n in range(100, 200)))
    with pytest.raises(UnsafeArchive, match="more than 10000 bytes of names"):
        extract(named, tmp_path / "in", Limits(names_bytes=10_000))


@pytest.mark.parametrize("where", ["read", "link"])
def test_archive_that_takes_too_long_is_refused(tmp_path: Path, where: str) -> None:
    ticks = itertools.count()
    late = archive(member("a", os.urandom(3 * 256 * 1024)), link("b", "a"), link("c", "a"))
    reads = sum(1 for _ in TarReader(io.BytesIO(late), len(late), Limits(), lambda: float(next(ticks))).members())
    assert reads == 3
    used = next(ticks)
    ticks = itertools.count()
    limits = Limits(seconds=float(used if where == "link" else 2))
    (tmp_path / "in").mkdir()
    with pytest.raises(UnsafeArchive, match="takes more than"):
        unpack(io.BytesIO(late), len(late), tmp_path / "in", limits, lambda: float(next(ticks)))
    assert (tmp_path / "in/b").is_symlink() == (where == "link")


def test_archive_of_several_gzip_parts_is_read(tmp_path: Path) -> None:
    whole = gzip.decompress(archive(member("a", b"x" * 5000)))
    extract(gzip.compress(whole[:700]) + gzip.compress(whole[700:]), tmp_path / "in")
    assert (tmp_path / "in/a").read_bytes() == b"x" * 5000


def test_global_comment_and_attributes_change_nothing(tmp_path: Path) -> None:
    comment = extension(b"g", b"52 comment=" + b"a" * 40 + b"\n")
    attributes = extension(b"x", b"28 SCHILY.xattr.user.a=b=c\nx"[:27] + b"\n")
    extract(packed(comment, attributes, header("a", b"0", 3), b"xyz" + b"\0" * 509), tmp_path / "in")
    assert (tmp_path / "in/a").read_bytes() == b"xyz"


def test_an_archive_above_the_size_limit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsafeArchive, match="more than 1000000 bytes"):
        extract(archive(member("a", b"\0" * 2_000_000)), tmp_path / "in", Limits(unpacked_bytes=1_000_000))
    written = sum(file.stat().st_size for file in (tmp_path / "in").iterdir())
    assert written <= 1_000_000


def test_an_archive_above_the_ratio_limit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsafeArchive, match="unpacks to more"):
        extract(archive(member("a", b"\0" * 2_000_000)), tmp_path / "in", Limits(ratio=20, ratio_from=1000))


def test_an_archive_above_the_member_limit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsafeArchive, match="more than 10 members"):
        extract(archive(*(member(f"f{n}") for n in range(20))), tmp_path / "in", Limits(members=10))


def test_a_valid_archive_is_extracted_as_it_was_packed(tmp_path: Path) -> None:
    valid = archive(
        folder("."),
        folder("./bin"),
        member("./bin/serve", b"#!/bin/sh\n", mode=0o755, mtime=1_700_000_000),
        member("lib/a/b.py", b"x = 1\n"),
        link("bin/latest", "serve"),
        link("lib/run", "../bin/serve"),
        link("nowhere", "lib/missing"),
        member("lib/" + "long" * 40, b"long"),
        member("umlaut-\u00e4", b"x"),
    )
    extract(valid, tmp_path / "in")

    here = tmp_path / "in"
    assert (here / "lib/run").read_bytes() == b"#!/bin/sh\n"
    assert os.access(here / "bin/latest", os.X_OK)
    assert (here / "bin/serve").stat().st_mtime == 1_700_000_000
    assert (here / ("lib/" + "long" * 40)).read_bytes() == b"long"
    assert (here / "umlaut-\u00e4").exists()


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_every_common_tar_format_is_read(form: int, tmp_path: Path) -> None:
    extract(archive(folder("a"), member("a/b", b"x" * 70_000), form=form), tmp_path / "in")

    assert (tmp_path / "in/a/b").stat().st_size == 70_000


def test_setuid_and_world_write_are_dropped(tmp_path: Path) -> None:
    extract(archive(member("a", b"x", mode=0o6777)), tmp_path / "in")

    assert (tmp_path / "in/a").stat().st_mode & 0o7022 == 0


def test_a_hostile_release_is_refused_and_the_service_goes_on(host: Host) -> None:
    host.publish("1.0.0")
    before = host.install("1.0.0")
    evil = archive(member("serve.py", b"x"), link("evil", "/etc"))
    host.releases.publish(manifest_of("1.0.1", evil, Run("true", 8080), Check("/")), evil)

    report = host.install("1.0.1")

    assert (report.stage, report.boot, report.installed) == (AgentStage.FAILED, before.boot, "1.0.0")
    assert "artifact refused: 'evil'" in report.detail
    assert list((host.settings.home / "tmp").iterdir()) == []
    assert not (host.settings.home / "releases" / "1.0.1").exists()


def test_the_archives_of_these_tests_are_valid(tmp_path: Path) -> None:
    extract(pack({"a": "b"}), tmp_path / "in")

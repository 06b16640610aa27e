"""Safe unpacking: an artifact is laid out in a fresh folder, or refused whole.

Called by release_store.py with bytes whose digest was checked; they are still not trusted to be kind. tarfile only
parses here: every file, folder and link is made by this module, new, below the folder, links last. So no
write can go through a link, over another file, or outside.
"""

import gzip
import os
import stat
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol, cast

from lifecycle.domain.errors import UnsafeArchive

_CHUNK = 256 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """How much an archive may become: far above any real service, far below a full disk."""

    unpacked_bytes: int = 2 * 1024**3
    ratio: int = 200  # unpacked to packed, once more than `ratio_from` bytes came out
    ratio_from: int = 64 * 1024**2
    members: int = 100_000
    header_bytes: int = 1024**2  # of one member: its names and extended attributes
    path_bytes: int = 1024
    depth: int = 64


class Source(Protocol):
    """Bytes that are read once, from the front."""

    def read(self, size: int = -1, /) -> bytes: ...


class _LimitedStream:
    """The unpacked stream, which ends with UnsafeArchive where it grows past a limit."""

    def __init__(self, archive: Source, packed: int, limits: Limits) -> None:
        self._stream = gzip.GzipFile(fileobj=cast("IO[bytes]", archive), mode="rb")
        self._limits = limits
        self._most = min(limits.unpacked_bytes, max(limits.ratio * packed, limits.ratio_from))
        self.position = 0
        self.header_ends_by = limits.header_bytes

    def read(self, size: int = _CHUNK) -> bytes:
        chunk = self._stream.read(size)
        self.position += len(chunk)
        if self.position > self._most:
            raise UnsafeArchive("the archive", f"unpacks to more than {self._most} bytes")
        if self.position > self.header_ends_by:
            raise UnsafeArchive("the archive", f"has a header above {self._limits.header_bytes} bytes")
        return chunk

    def expect(self, data: int) -> None:
        """Allow one member's `data`, and then no more than a header's bytes."""
        self.header_ends_by = self.position + data + self._limits.header_bytes


def unpack(archive: Source, packed: int, into: Path, limits: Limits | None = None) -> None:
    """Lay `archive` (tar.gz, `packed` bytes) out in `into`, which must be empty; raises UnsafeArchive.

    Refused: absolute paths and `..`, a path that comes twice or runs through a file, hard links, devices,
    pipes, sparse files, links that point outside, and more bytes or members than `limits`. Setuid, setgid,
    sticky and group or world write bits are dropped. After a refusal `into` holds a part: remove it.
    """
    limits = limits or Limits()
    stream = _LimitedStream(archive, packed, limits)
    try:
        with tarfile.open(fileobj=stream, mode="r|", bufsize=_CHUNK) as tar:  # type: ignore[call-overload]
            _Extraction(into, limits).extract(tar, stream)
            _reject_trailing_data(tar.fileobj)
    except (
        tarfile.TarError,
        gzip.BadGzipFile,
        EOFError,
        zlib.error,
        ValueError,
        ArithmeticError,
        RecursionError,
    ) as error:
        raise UnsafeArchive("the archive", f"is not a whole tar.gz: {error}") from error


def _reject_trailing_data(rest: IO[bytes] | None) -> None:
    """A parser that stops early would hide what another parser sees."""
    while rest and (chunk := rest.read(_CHUNK)):
        if chunk.count(0) != len(chunk):
            raise UnsafeArchive("the archive", "goes on after its end")


class _Extraction:
    """One archive being laid out, with what it laid out so far."""

    def __init__(self, into: Path, limits: Limits) -> None:
        self._into = into
        self._limits = limits
        self._named: set[str] = set()
        self._folders: set[str] = {""}
        self._links: list[tuple[str, str]] = []

    def extract(self, tar: tarfile.TarFile, stream: _LimitedStream) -> None:
        for count, member in enumerate(_members(tar)):
            if count >= self._limits.members:
                raise UnsafeArchive(member.name, f"is one of more than {self._limits.members} members")
            name = self._checked(member)
            stream.expect(member.size if member.isreg() else 0)
            if member.isdir():
                self._folder(name)
            elif member.issym():
                self._folder(_parent(name))
                self._links.append((name, member.linkname))
            else:
                self._folder(_parent(name))
                self._file(tar, member, name)
        self._make_links()

    def _checked(self, member: tarfile.TarInfo) -> str:
        """The member's path in one spelling; raises UnsafeArchive for one that may not be laid out."""
        name = _normalized(member.name, member.name, self._limits)
        if not (member.isreg() or member.isdir() or member.issym()) or member.issparse():
            raise UnsafeArchive(
                member.name, f"is {_kind(member)}; only plain files, folders and symbolic links may be"
            )
        if member.size < 0:
            raise UnsafeArchive(member.name, f"has a size of {member.size}")
        if name in self._named or (name in self._folders and not member.isdir()):
            raise UnsafeArchive(member.name, "comes twice")
        self._named.add(name)
        return name

    def _folder(self, name: str) -> None:
        if name in self._folders:
            return
        self._folder(_parent(name))
        try:
            (self._into / name).mkdir(mode=0o755)
        except FileExistsError as error:
            raise UnsafeArchive(name, "is a file, and a folder of others") from error
        self._folders.add(name)

    def _file(self, tar: tarfile.TarFile, member: tarfile.TarInfo, name: str) -> None:
        source = tar.extractfile(member)
        assert source is not None  # noqa: S101 - `member` is a regular file
        mode = 0o755 if member.mode & stat.S_IXUSR else 0o644
        try:
            target = os.open(self._into / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
        except FileExistsError as error:
            raise UnsafeArchive(name, "comes twice") from error
        written = 0
        with open(target, "wb") as file:  # noqa: PTH123 - a descriptor, not a path
            while chunk := source.read(_CHUNK):
                written += file.write(chunk)
            file.flush()
            os.utime(target, (_seconds(member), _seconds(member)))
        if written != member.size:
            raise UnsafeArchive(name, f"has {written} bytes of {member.size}")

    def _make_links(self) -> None:
        names = {name for name, _ in self._links}
        if clash := names & self._folders:
            raise UnsafeArchive(min(clash), "is a link, and a folder of others")
        for name, target in self._links:
            if target.startswith("/") or not target:
                raise UnsafeArchive(name, f"points to {target!r}")
            (self._into / name).symlink_to(target)
        # Through another link a path may lead elsewhere than it reads, so only now, with all of them made:
        inside = os.path.realpath(self._into) + os.sep
        for name, target in self._links:
            if not (os.path.realpath(self._into / name) + os.sep).startswith(inside):
                raise UnsafeArchive(name, f"points outside, to {target!r}")


def _members(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    while (member := tar.next()) is not None:
        tar.members = []  # type: ignore[attr-defined]  # a stream's members are kept for nothing
        yield member


def _normalized(name: str, shown: str, limits: Limits) -> str:
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/"):
        raise UnsafeArchive(shown, "is an absolute path")
    if ".." in parts:
        raise UnsafeArchive(shown, "climbs out with '..'")
    lengths = [len(os.fsencode(part)) for part in parts]
    if "\0" in name or sum(lengths) > limits.path_bytes or max(lengths, default=0) > 255:
        raise UnsafeArchive(shown[:80], "is no path that a file system takes")
    if len(parts) > limits.depth:
        raise UnsafeArchive(shown[:80], f"is more than {limits.depth} folders deep")
    return "/".join(parts)


def _parent(name: str) -> str:
    return name.rpartition("/")[0]


def _seconds(member: tarfile.TarInfo) -> int:
    return min(max(int(member.mtime), 0), 2**33)


def _kind(member: tarfile.TarInfo) -> str:
    kinds = {tarfile.LNKTYPE: "a hard link", tarfile.FIFOTYPE: "a pipe"}
    kinds |= {tarfile.CHRTYPE: "a device", tarfile.BLKTYPE: "a device"}
    return "a sparse file" if member.issparse() else kinds.get(member.type, f"of type {member.type!r}")

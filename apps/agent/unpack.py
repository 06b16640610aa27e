"""Safe unpacking: extract an artifact into an empty folder, or refuse all of it.

Called by release_store.py. The bytes match their published digest, but may still be malicious. tarfile only parses:
this module creates every file, folder and link new, inside the folder, and links last. So no write can follow a link,
replace a file, or leave the folder.
"""

import gzip
import os
import stat
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol, cast

from lifecycle.domain.errors import UnsafeArchive

_CHUNK = 256 * 1024
_BLOCK = 4096  # a file takes whole blocks of the disk


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of an unpacked archive: far above any real service, far below a full disk."""

    unpacked_bytes: int = 2 * 1024**3
    ratio: int = 200  # unpacked to packed; it applies above `ratio_from` unpacked bytes
    ratio_from: int = 64 * 1024**2
    members: int = 100_000
    header_bytes: int = 1024**2  # names and extended attributes of one member
    path_bytes: int = 1024
    depth: int = 64


class Source(Protocol):
    """A stream of bytes, read once and from the front."""

    def read(self, size: int = -1, /) -> bytes: ...


class _LimitedStream:
    """The decompressed stream; a read beyond a limit raises UnsafeArchive."""

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
        """Allow `data` bytes of one member and one more header."""
        self.header_ends_by = self.position + data + self._limits.header_bytes


def unpack(archive: Source, packed: int, into: Path, limits: Limits | None = None) -> None:
    """Extract `archive` (tar.gz, `packed` bytes) into `into`, which must be empty; raise UnsafeArchive.

    Refused paths are absolute, contain `..`, occur twice, or run through a file. Refused members are hard links,
    devices, pipes, sparse files, and links that point outside. `limits` bounds bytes and members. Setuid, setgid,
    sticky and group or world write bits are dropped. After a refusal `into` holds a part of the archive; remove it.
    """
    limits = limits or Limits()
    with _opened(archive, packed, limits) as (tar, stream):
        _Extraction(into, limits).extract(tar, stream)
        _reject_trailing_data(tar.fileobj)  # type: ignore[arg-type]  # the stubs say less than a stream has


@contextmanager
def _opened(archive: Source, packed: int, limits: Limits) -> Iterator[tuple[tarfile.TarFile, "_LimitedStream"]]:
    """Yield the archive and its stream; every error of its format becomes UnsafeArchive."""
    stream = _LimitedStream(archive, packed, limits)
    try:
        with tarfile.open(fileobj=stream, mode="r|", bufsize=_CHUNK) as tar:  # type: ignore[call-overload]
            yield tar, stream
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


def estimated_disk_bytes(archive: IO[bytes]) -> int:
    """Return more bytes than the files of a tar.gz take, from its last four bytes: its unpacked length modulo 4 GiB.

    A file of one byte takes a block on the disk, and a quarter of that in the archive. The number is wrong for an
    archive that was packed in several parts.
    """
    archive.seek(-4, os.SEEK_END)
    return int.from_bytes(archive.read(4), "little") * 4


def disk_bytes(archive: IO[bytes], packed: int, limits: Limits | None = None) -> int:
    """Return the bytes that the files of a tar.gz take on the disk, from its headers; raise UnsafeArchive.

    `archive` is read from its start. Reading the headers unpacks the whole archive in memory, piece by piece.
    """
    limits = limits or Limits()
    archive.seek(0)
    total = 0
    with _opened(archive, packed, limits) as (tar, stream):
        for count, member in enumerate(_members(tar)):
            if count >= limits.members or member.size < 0:
                break  # `unpack` refuses it
            stream.expect(member.size if member.isreg() else 0)
            total += -(-member.size // _BLOCK) * _BLOCK if member.isreg() else _BLOCK
    return total


def _reject_trailing_data(rest: IO[bytes] | None) -> None:
    """Refuse data after the archive's end, which another parser might read as more members."""
    while rest and (chunk := rest.read(_CHUNK)):
        if chunk.count(0) != len(chunk):
            raise UnsafeArchive("the archive", "has data after its end")


class _Extraction:
    """The extraction of one archive, with the names that it created so far."""

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
            name = self._checked_name(member)
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

    def _checked_name(self, member: tarfile.TarInfo) -> str:
        """Return the member's normalized path; raise UnsafeArchive for a member that is not allowed."""
        name = _normalized(member.name, member.name, self._limits)
        if not (member.isreg() or member.isdir() or member.issym()) or member.issparse():
            raise UnsafeArchive(
                member.name, f"is {_kind(member)}; only plain files, folders and symbolic links are allowed"
            )
        if member.size < 0:
            raise UnsafeArchive(member.name, f"has a size of {member.size}")
        if name in self._named or (name in self._folders and not member.isdir()):
            raise UnsafeArchive(member.name, "occurs twice")
        self._named.add(name)
        return name

    def _folder(self, name: str) -> None:
        if name in self._folders:
            return
        self._folder(_parent(name))
        try:
            (self._into / name).mkdir(mode=0o755)
        except FileExistsError as error:
            raise UnsafeArchive(name, "is both a file and a folder") from error
        self._folders.add(name)

    def _file(self, tar: tarfile.TarFile, member: tarfile.TarInfo, name: str) -> None:
        source = tar.extractfile(member)
        assert source is not None  # noqa: S101 - `member` is a regular file
        mode = 0o755 if member.mode & stat.S_IXUSR else 0o644
        try:
            target = os.open(self._into / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
        except FileExistsError as error:
            raise UnsafeArchive(name, "occurs twice") from error
        written = 0
        with open(target, "wb") as file:  # noqa: PTH123 - a descriptor, not a path
            while chunk := source.read(_CHUNK):
                written += file.write(chunk)
            file.flush()
            os.utime(target, (_seconds(member), _seconds(member)))
        if written != member.size:
            raise UnsafeArchive(name, f"has {written} bytes, but declares {member.size}")

    def _make_links(self) -> None:
        names = {name for name, _ in self._links}
        if clash := names & self._folders:
            raise UnsafeArchive(min(clash), "is both a link and a folder")
        for name, target in self._links:
            if target.startswith("/") or not target:
                raise UnsafeArchive(name, f"points to {target!r}")
            (self._into / name).symlink_to(target)
        # A path may run through another link, so resolve the targets only after every link is made.
        inside = os.path.realpath(self._into) + os.sep
        for name, target in self._links:
            if not (os.path.realpath(self._into / name) + os.sep).startswith(inside):
                raise UnsafeArchive(name, f"points outside, to {target!r}")


def _members(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    while (member := tar.next()) is not None:
        tar.members = []  # type: ignore[attr-defined]  # tarfile collects them; a stream needs none
        yield member


def _normalized(name: str, shown: str, limits: Limits) -> str:
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/"):
        raise UnsafeArchive(shown, "is an absolute path")
    if ".." in parts:
        raise UnsafeArchive(shown, "contains '..'")
    lengths = [len(os.fsencode(part)) for part in parts]
    if "\0" in name or sum(lengths) > limits.path_bytes or max(lengths, default=0) > 255:
        raise UnsafeArchive(shown[:80], "is not a valid path of this file system")
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

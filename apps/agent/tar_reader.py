"""Read a tar.gz from front to back, in time and memory that its bytes cannot raise. Called by unpack.py.

tarfile is not used: its headers are unbounded, and a pax header of 1 MiB takes it an hour before Python 3.11.10. This
reader takes every byte once. It knows what archivers write: ustar, pax and GNU long names; no sparse files.
"""

import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from lifecycle.domain.errors import UnsafeArchive

_CHUNK = 256 * 1024
_BLOCK = 512
_GZIP = 31  # zlib's number for a gzip header and trailer around the largest window
_LONGEST_NUMBER = 20
_PAX, _PAX_GLOBAL, _LONG_NAME, _LONG_LINK = b"x", b"g", b"L", b"K"
_EXTENSIONS = (_PAX, _PAX_GLOBAL, _LONG_NAME, _LONG_LINK)
_FILES, _FOLDER, _LINK = (b"0", b"\0", b"7"), b"5", b"2"
_EMPTY = (_FOLDER, _LINK)
_KINDS = {b"1": "a hard link", b"3": "a device", b"4": "a device", b"6": "a pipe", b"S": "a sparse file"}
_SPARSE = b"GNU.sparse."


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of an unpacked archive: far above any real service, far below a full disk or memory."""

    unpacked_bytes: int = 2 * 1024**3
    ratio: int = 200  # unpacked to packed; it applies above `ratio_from` unpacked bytes
    ratio_from: int = 64 * 1024**2
    members: int = 100_000  # files, links and folders
    names_bytes: int = 64 * 1024**2  # the paths of all members, and the targets of links
    header_bytes: int = 64 * 1024  # one long name, or the extended attributes of one member
    path_bytes: int = 1024
    depth: int = 64
    seconds: float = 600.0


class Source(Protocol):
    """A stream of bytes, read once and from the front."""

    def read(self, size: int = -1, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Member:
    """One entry of an archive, with its long names; nothing of it is checked but its form."""

    name: str
    kind: bytes
    mode: int
    modified: int
    size: int
    link: str = ""
    sparse: bool = False

    @property
    def is_file(self) -> bool:
        return self.kind in _FILES and not self.sparse

    @property
    def is_folder(self) -> bool:
        return self.kind == _FOLDER

    @property
    def is_link(self) -> bool:
        return self.kind == _LINK

    @property
    def in_words(self) -> str:
        return "a sparse file" if self.sparse else _KINDS.get(self.kind, f"of type {self.kind!r}")


class TarReader:
    """An archive of `packed` bytes that is read once. Everything that is refused raises UnsafeArchive."""

    def __init__(
        self, archive: Source, packed: int, limits: Limits, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._stream = _Gunzipped(archive, packed, limits, clock)
        self._limits = limits
        self._unread = 0

    def members(self) -> Iterator[Member]:
        """Yield every member; then refuse data after the archive's end, which another parser might read as more."""
        extended: dict[bytes, bytes] = {}
        while any(block := self._stream.exactly(_BLOCK)):
            _check_sum(block)
            kind, size = block[156:157], _number(block[124:136], "size")
            if kind in _EXTENSIONS:
                self._extend(extended, kind, size)
                continue
            member = _member(block, kind, size, extended)
            extended = {}
            self._unread, padding = member.size, -member.size % _BLOCK
            yield member
            for _ in self.data():
                pass
            self._stream.exactly(padding)
        if extended:
            raise _broken("its last header has no member")
        while chunk := self._stream.some(_CHUNK):
            if chunk.count(0) != len(chunk):
                raise UnsafeArchive("the archive", "has data after its end")

    def data(self) -> Iterator[bytes]:
        """Yield what is left of the file that `members` yielded last."""
        while self._unread:
            if not (chunk := self._stream.some(min(self._unread, _CHUNK))):
                raise _broken("it ends within a file")
            self._unread -= len(chunk)
            yield chunk

    def check_time(self) -> None:
        """Refuse an archive that takes too long."""
        self._stream.check_time()

    def _extend(self, extended: dict[bytes, bytes], kind: bytes, size: int) -> None:
        """Read a header that extends the next member, or with `g` all that follow, which may only comment."""
        if size > self._limits.header_bytes:
            raise UnsafeArchive("the archive", f"has a header above {self._limits.header_bytes} bytes")
        text = self._stream.exactly(size + -size % _BLOCK)[:size]
        if kind == _PAX_GLOBAL:
            if any(key in (b"path", b"linkpath", b"size") or key.startswith(_SPARSE) for key in _pax(text)):
                raise UnsafeArchive("the archive", "has a global header that names files or sizes")
            return
        if kind in extended:
            raise UnsafeArchive("the archive", "has two headers of one kind for one member")
        extended[kind] = text


class _Gunzipped:
    """The decompressed bytes of a gzip stream, within limits of size and time."""

    def __init__(self, archive: Source, packed: int, limits: Limits, clock: Callable[[], float]) -> None:
        self._source = archive
        self._zlib = zlib.decompressobj(_GZIP)
        self._packed, self._ready, self._at = b"", b"", 0
        self._position = 0
        self._most = min(limits.unpacked_bytes, max(limits.ratio * packed, limits.ratio_from))
        self._clock, self._seconds, self._deadline = clock, limits.seconds, clock() + limits.seconds

    def some(self, most: int) -> bytes:
        """Return one to `most` bytes; none at the end."""
        if self._at == len(self._ready):
            self._ready, self._at = self._next(), 0
        found = self._ready[self._at : self._at + most]
        self._at += len(found)
        return found

    def exactly(self, size: int) -> bytes:
        """Return `size` bytes."""
        found = self.some(size) if size else b""
        while len(found) < size:
            if not (more := self.some(size - len(found))):
                raise _broken("it ends too early")
            found += more
        return found

    def check_time(self) -> None:
        """Refuse an archive that takes too long."""
        if self._clock() > self._deadline:
            raise UnsafeArchive("the archive", f"takes more than {self._seconds:g} s to unpack")

    def _next(self) -> bytes:
        while True:
            self.check_time()
            if not self._packed:
                self._packed = self._source.read(_CHUNK)
                if not self._packed and self._zlib.eof:
                    return b""
            if self._zlib.eof:
                self._zlib = zlib.decompressobj(_GZIP)  # an archive may have several parts
            ended = not self._packed
            try:
                piece = self._zlib.decompress(self._packed, _CHUNK)
            except zlib.error as error:
                raise _broken(str(error)) from error
            self._packed = self._zlib.unused_data if self._zlib.eof else self._zlib.unconsumed_tail
            self._position += len(piece)
            if self._position > self._most:
                raise UnsafeArchive("the archive", f"unpacks to more than {self._most} bytes")
            if piece:
                return piece
            if ended and not self._zlib.eof:
                raise _broken("it ends too early")


def _broken(why: str) -> UnsafeArchive:
    return UnsafeArchive("the archive", f"is not a whole tar.gz: {why}")


def _check_sum(block: bytes) -> None:
    """Refuse a header whose sum is another one; its own eight bytes count as spaces."""
    if _number(block[148:156], "checksum") != sum(block) - sum(block[148:156]) + 8 * ord(" "):
        raise _broken("a header has a wrong checksum")


def _number(field: bytes, what: str) -> int:
    """Return a number in octal digits, or in GNU's binary form."""
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    digits = field.split(b"\0", 1)[0].strip(b" ")
    if digits.strip(b"01234567"):
        raise _broken(f"a header has the {what} {field!r}")
    return int(digits or b"0", 8)


def _member(block: bytes, kind: bytes, size: int, extended: dict[bytes, bytes]) -> Member:
    pax = _pax(extended.get(_PAX, b""))
    name, link = _text(block[:100]), _text(block[157:257])
    if block[257:263] == b"ustar\0" and (prefix := _text(block[345:500])):
        name = f"{prefix}/{name}"
    name = _text(extended[_LONG_NAME]) if _LONG_NAME in extended else name
    link = _text(extended[_LONG_LINK]) if _LONG_LINK in extended else link
    name = _decoded(pax[b"path"]) if b"path" in pax else name
    link = _decoded(pax[b"linkpath"]) if b"linkpath" in pax else link
    if b"size" in pax:
        if not pax[b"size"].isdigit() or len(pax[b"size"]) > _LONGEST_NUMBER:
            raise UnsafeArchive(name[:80], f"has a size of {pax[b'size'][:80]!r}")
        size = int(pax[b"size"])
    if kind == b"\0" and name.endswith("/"):
        kind = _FOLDER  # as the first tar wrote it
    if size and kind in _EMPTY:
        raise UnsafeArchive(name[:80], f"has {size} bytes, but is no file")
    sparse = any(key.startswith(_SPARSE) for key in pax)
    modified = _seconds(pax[b"mtime"]) if b"mtime" in pax else _number(block[136:148], "time")
    return Member(name, kind, _number(block[100:108], "mode"), modified, size, link, sparse)


def _pax(text: bytes) -> dict[bytes, bytes]:
    """Return the records of a pax header: each is its own length, a space, a key, `=`, a value and a newline."""
    found: dict[bytes, bytes] = {}
    at = 0
    while at < len(text):
        space = text.find(b" ", at, at + _LONGEST_NUMBER)
        digits = text[at:space] if space > 0 else b""
        end = at + int(digits) if digits.isdigit() else 0
        key, equals, value = text[space + 1 : max(end - 1, 0)].partition(b"=")
        if not equals or not space < end <= len(text) or text[end - 1 : end] != b"\n":
            raise _broken("a pax header cannot be read")
        found[key] = value
        at = end
    return found


def _seconds(text: bytes) -> int:
    """Return the whole seconds of a time such as `1700000000.25`; 0 for one before 1970."""
    whole = text.partition(b".")[0]
    return int(whole) if whole.isdigit() and len(whole) <= _LONGEST_NUMBER else 0


def _text(field: bytes) -> str:
    return _decoded(field.split(b"\0", 1)[0])


def _decoded(text: bytes) -> str:
    return text.decode("utf-8", "surrogateescape")

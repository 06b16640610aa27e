"""A service's log, read forward from a position that survives restarts of the agent. Used by log_shipping.py.

service_log.py moves the log to the older file when the service starts again, and empties the log when it grows too
large. A mark, the last bytes before the position, tells where to go on: in the log, or in the older file.
"""

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from apps.agent import service_log
from lifecycle.domain.errors import InvalidJson
from lifecycle.domain.foreign_json import parse_object

CHUNK_BYTES = 512 * 1024
CATCH_UP_BYTES = 4 * 1024**2
_MARK_BYTES = 256
# A log is trimmed long before it has so many bytes. A service can make a file with a hole of any size.
_MOST_COUNTED = 8 * service_log.LOG_BYTES


@dataclass(frozen=True, slots=True)
class Position:
    """The end of the bytes of one file that were sent; `mark` is the last of them, in hexadecimal digits."""

    inode: int = 0
    offset: int = 0
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Read:
    """Bytes to send, and the position after all of them; `ended` if their file gets no more.

    `skipped_lines` lie before them and are not sent; `lost` if lines were overwritten before they were read.
    """

    content: bytes
    start: Position
    ended: bool = False
    skipped_lines: int = 0
    lost: bool = False

    @property
    def begun(self) -> bool:
        """Return whether the first line may have begun before these bytes, as after a trim."""
        return not bytes.fromhex(self.start.mark).endswith(b"\n")

    def after(self, sent: int) -> Position:
        """Return the position after the first `sent` bytes."""
        mark = (bytes.fromhex(self.start.mark) + self.content[:sent])[-_MARK_BYTES:]
        return Position(self.start.inode, self.start.offset + sent, mark.hex())


class Held:
    """The file of a position, kept open: while it is, no file of a later start gets its inode."""

    def __init__(self) -> None:
        self._descriptor = -1
        self._inode = -1

    def keep(self, log: Path, position: Position | None) -> None:
        """Keep the position's file open, and no other one."""
        if position is None or position.inode == self._inode:
            return
        self._close()
        for file in (log, service_log.older(log)):
            with contextlib.suppress(OSError):
                found = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
                if os.fstat(found).st_ino == position.inode:
                    self._descriptor, self._inode = found, position.inode
                    return
                os.close(found)

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor, self._inode = -1, -1

    def __del__(self) -> None:
        self._close()


def load(file: Path) -> Position | None:
    """Return the stored position; None if there is none, or none that can be read."""
    with contextlib.suppress(OSError, InvalidJson, ValueError, TypeError):
        found = Position(**parse_object(file.read_text()))
        if isinstance(found.inode, int) and isinstance(found.offset, int) and found.offset >= 0:
            bytes.fromhex(found.mark)
            return found
    return None


def store(file: Path, position: Position) -> None:
    """Replace the stored position. It is not forced to the disk: a crash of the host may send some lines again."""
    new = file.with_name(f"{file.name}.new")
    new.write_text(json.dumps(asdict(position)))
    new.replace(file)


def read(log: Path, position: Position | None) -> Read | None:
    """Return what follows the position, at most CHUNK_BYTES; None when there is nothing more."""
    with _opened(service_log.older(log)) as old, _opened(log) as new:
        if position is None:
            return _from(old, 0, ended=True) or _from(new, 0)
        if new and _holds(new, position):
            return _from(new, position.offset, position.mark)
        if old and (place := _place(old, position)) is not None:
            return _from(old, place, position.mark, ended=True) or _from(new, 0)
        # Both were replaced since, or a trim is going on at this moment.
        return _from(old, 0, ended=True, lost=True) or _from(new, 0, lost=True)


@contextlib.contextmanager
def _opened(file: Path) -> Iterator[BinaryIO | None]:
    try:
        opened = file.open("rb")
    except FileNotFoundError:
        yield None
        return
    with opened:
        yield opened


def _holds(file: BinaryIO, position: Position) -> bool:
    """Return True if the bytes before the position are still there."""
    info = os.fstat(file.fileno())
    if info.st_ino != position.inode or info.st_size < position.offset:
        return False
    mark = bytes.fromhex(position.mark)
    file.seek(max(0, position.offset - len(mark)))
    return file.read(len(mark)) == mark


def _place(old: BinaryIO, position: Position) -> int | None:
    """Return the offset in the older file that continues the position: after a new start, or after a trim."""
    if _holds(old, position):
        return position.offset
    mark = bytes.fromhex(position.mark)
    if len(mark) < _MARK_BYTES:  # it is no trim, and the first lines of several starts may be the same
        return None
    old.seek(0)
    # The last of several equal places: such lines are all the same, so little is lost.
    found = old.read(service_log.LOG_BYTES).rfind(mark)
    return found + len(mark) if found >= 0 else None


def _from(
    file: BinaryIO | None, offset: int, mark: str = "", *, ended: bool = False, lost: bool = False
) -> Read | None:
    """Return what a file has from an offset on; of more than CATCH_UP_BYTES, only the last of them."""
    if file is None:
        return None
    info = os.fstat(file.fileno())
    skipped = 0
    if info.st_size - offset > CATCH_UP_BYTES:
        limit = info.st_size - CATCH_UP_BYTES
        is_hole = limit - offset > _MOST_COUNTED
        skipped, end = _lines_until(file, limit if is_hole else offset, limit)
        skipped, lost = 0 if is_hole else skipped, lost or is_hole
        offset, mark = end, _before(file, end)
    file.seek(offset)
    content = file.read(CHUNK_BYTES)
    if not content:
        return None
    # A file that gets no more ends with this chunk, or else the chunk is cut like any other.
    last = ended and offset + len(content) >= info.st_size
    return Read(content, Position(info.st_ino, offset, mark), last, skipped, lost)


def _lines_until(file: BinaryIO, offset: int, limit: int) -> tuple[int, int]:
    """Return the number of line ends from `offset` to the first one after `limit`, and the offset behind it."""
    count, place = 0, offset
    file.seek(offset)
    while place < limit:
        chunk = file.read(min(CHUNK_BYTES, limit - place))
        if not chunk:
            return count, place
        count += chunk.count(b"\n")
        place += len(chunk)
    rest = file.read(CHUNK_BYTES)
    end = rest.find(b"\n") + 1
    return count + (1 if end else 0), place + end


def _before(file: BinaryIO, offset: int) -> str:
    begin = max(0, offset - _MARK_BYTES)
    file.seek(begin)
    return file.read(offset - begin).hex()

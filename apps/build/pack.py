"""Packing an artifact: the same files give the same bytes, at any place and time.

Called by main after the tests passed. A host unpacks the result (apps/agent/unpack.py).
"""

import gzip
import hashlib
import os
import stat
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from apps.build.errors import BuildFailed
from apps.build.files import Member

# A little below the host's limits (apps/agent/unpack.py), to leave room for the archive's padding.
MAXIMUM_UNPACKED_BYTES = 2 * 1024**3 - 1024**2
MAXIMUM_RATIO = 190
RATIO_FROM_BYTES = 63 * 1024**2


@dataclass(frozen=True, slots=True)
class Packed:
    """An artifact on this disk. `digest` is the sha256 of its bytes in hex; `size` and `unpacked` are in bytes."""

    path: Path
    digest: str
    size: int
    files: int
    unpacked: int


class _HashingFile:
    """A file that is hashed while it is written."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.digest = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> int:
        self.digest.update(data)
        self.size += len(data)
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()


def pack(members: Sequence[Member], into: Path, modified: datetime) -> Packed:
    """Write a tar.gz of the members to `into`; raise BuildFailed.

    Every file gets owner 0, mode 755 or 644, and the time `modified`. A constant time such as 1970 would make a web
    server that compares file times answer "not modified" across releases.
    """
    with into.open("wb") as file:
        hashed = _HashingFile(file)
        with (
            gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=hashed, mtime=0) as packed,
            tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as tar,
        ):
            for member in members:
                _add(tar, member, int(modified.timestamp()))
            unpacked = tar.offset
    if unpacked > max(RATIO_FROM_BYTES, MAXIMUM_RATIO * hashed.size):
        raise BuildFailed(
            f"{unpacked} bytes pack into {hashed.size}, which a host refuses as a decompression bomb: "
            f"expected at most {MAXIMUM_RATIO} to 1; leave out files that are almost empty"
        )
    files = sum(not stat.S_ISDIR(member.kind) for member in members)
    return Packed(into, hashed.digest.hexdigest(), hashed.size, files, unpacked)


def _add(tar: tarfile.TarFile, member: Member, modified: int) -> None:
    entry = tarfile.TarInfo(member.name)
    entry.mtime = modified
    entry.mode = 0o755
    if member.is_file:
        _add_file(tar, entry, member)
    else:
        entry.type = tarfile.SYMTYPE if member.is_link else tarfile.DIRTYPE
        entry.linkname = str(member.path.readlink()) if member.is_link else ""
        tar.addfile(entry)


def _add_file(tar: tarfile.TarFile, entry: tarfile.TarInfo, member: Member) -> None:
    try:
        descriptor = os.open(member.path, os.O_RDONLY | os.O_NOFOLLOW)
        with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor, not a path
            found = os.fstat(descriptor)
            entry.size = found.st_size
            entry.mode = 0o755 if found.st_mode & stat.S_IXUSR else 0o644
            if tar.offset + entry.size > MAXIMUM_UNPACKED_BYTES:
                raise BuildFailed(
                    f"expected at most {MAXIMUM_UNPACKED_BYTES} bytes to pack, found more; "
                    "set build.artifact to a folder with fewer files"
                )
            tar.addfile(entry, file)
    except OSError as error:
        raise BuildFailed(f"{member.name}: cannot be packed: {error}") from error

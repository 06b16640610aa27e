"""sha256 of an artifact's bytes, computed while the bytes are written or unpacked, not in a second read.

Used by fetch.py and release_store.py.
"""

import hashlib
import os
from pathlib import Path
from typing import BinaryIO

from lifecycle.domain.errors import DigestMismatch
from lifecycle.domain.service.manifest import Manifest

_CHUNK = 1024**2


def sha256(text: str) -> str:
    """Return the sha256 of a text's UTF-8, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def private_file(path: Path) -> BinaryIO:
    """Open a new file that only this user can read or write."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    return open(descriptor, "w+b")  # noqa: PTH123 - a descriptor, not a path; the caller closes it


class CheckedCopy:
    """A file that is hashed while it is written. It takes at most the size that the manifest declares."""

    def __init__(self, file: BinaryIO, manifest: Manifest) -> None:
        self._file = file
        self._manifest = manifest
        self._hash = hashlib.sha256()
        self._written = 0

    def write(self, chunk: bytes) -> None:
        self._written += len(chunk)
        if self._written > self._manifest.size:
            raise self._mismatch(f"more than {self._manifest.size} bytes")
        self._hash.update(chunk)
        self._file.write(chunk)

    def finish(self) -> None:
        """Flush, and raise DigestMismatch unless exactly the published bytes were written."""
        self._file.flush()
        if self._written != self._manifest.size:
            raise self._mismatch(f"{self._written} bytes instead of {self._manifest.size}")
        if self._hash.hexdigest() != self._manifest.digest:
            raise self._mismatch(self._hash.hexdigest())

    def _mismatch(self, found: str) -> DigestMismatch:
        return DigestMismatch(f"the artifact of {self._manifest.version}", self._manifest.digest, found)


class HashedSource:
    """A file that is hashed while it is read, once and from the front."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hash = hashlib.sha256()

    def read(self, size: int = -1, /) -> bytes:
        chunk = self._file.read(size)
        self._hash.update(chunk)
        return chunk

    def finish(self, manifest: Manifest) -> None:
        """Read to the end, and raise DigestMismatch unless the file has exactly the published bytes."""
        while self.read(_CHUNK):
            pass
        if self._hash.hexdigest() != manifest.digest:
            raise DigestMismatch(f"the artifact of {manifest.version}", manifest.digest, self._hash.hexdigest())


def check_digest(file: BinaryIO, manifest: Manifest) -> None:
    """Hash a whole file and seek back to its start; raise DigestMismatch when it differs."""
    HashedSource(file).finish(manifest)
    file.seek(0)

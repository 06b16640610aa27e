"""sha256 of an artifact's bytes, taken of the very bytes that are written or unpacked. Used by release_store.py."""

import hashlib
import os
from pathlib import Path
from typing import BinaryIO

from lifecycle.domain.errors import DigestMismatch
from lifecycle.domain.service.manifest import Manifest

_CHUNK = 1024**2


def sha256(text: str) -> str:
    """Of a text, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def private_file(path: Path) -> BinaryIO:
    """A new file that only this user can open."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    return open(descriptor, "w+b")  # noqa: PTH123 - a descriptor, not a path; the caller closes it


class CheckedCopy:
    """Bytes on their way to a file; stops as soon as there are more than the manifest says."""

    def __init__(self, file: BinaryIO, manifest: Manifest) -> None:
        self._file = file
        self._manifest = manifest
        self._hash = hashlib.sha256()
        self._written = 0

    def write(self, chunk: bytes) -> None:
        self._written += len(chunk)
        if self._written > self._manifest.size:
            raise self._mismatch(f"more than its {self._manifest.size} bytes")
        self._hash.update(chunk)
        self._file.write(chunk)

    def finish(self) -> None:
        """Raises DigestMismatch unless exactly the published bytes came."""
        self._file.flush()
        if self._written != self._manifest.size:
            raise self._mismatch(f"{self._written} bytes instead of {self._manifest.size}")
        if self._hash.hexdigest() != self._manifest.digest:
            raise self._mismatch(self._hash.hexdigest())

    def _mismatch(self, found: str) -> DigestMismatch:
        return DigestMismatch(f"the artifact of {self._manifest.version}", self._manifest.digest, found)


class HashedSource:
    """A file that is read once and hashed while it is read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hash = hashlib.sha256()

    def read(self, size: int = -1, /) -> bytes:
        chunk = self._file.read(size)
        self._hash.update(chunk)
        return chunk

    def finish(self, manifest: Manifest) -> None:
        """Read to the end; raises DigestMismatch unless all that was read is what was published."""
        while self.read(_CHUNK):
            pass
        if self._hash.hexdigest() != manifest.digest:
            raise DigestMismatch(
                f"the artifact of {manifest.version}", manifest.digest, self._hash.hexdigest()
            )


def check_digest(file: BinaryIO, manifest: Manifest) -> None:
    """Hash a whole file, and go back to its start; raises DigestMismatch."""
    HashedSource(file).finish(manifest)
    file.seek(0)

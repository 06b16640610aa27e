"""A tree's fingerprint, which changes when anything in the tree changes. Used by release_store.py.

It hashes names, modes, sizes, inodes and change times, not contents. A process that writes to a file cannot set
its change time back. Reading the times takes microseconds; reading the contents would take seconds.
"""

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path


def fingerprint(tree: Path) -> str:
    """Return the fingerprint in hex. It differs after any write, removal, new name or change of mode in `tree`."""
    digest = hashlib.sha256()
    for line in _lines(os.fsencode(tree), b""):
        digest.update(line)
    return digest.hexdigest()


def _lines(folder: bytes, prefix: bytes) -> Iterator[bytes]:
    with os.scandir(folder) as scan:
        entries = sorted(scan, key=lambda entry: entry.name)
    for entry in entries:
        name = prefix + b"/" + entry.name
        found = entry.stat(follow_symlinks=False)
        facts: tuple[object, ...] = (stat.S_IFMT(found.st_mode), stat.S_IMODE(found.st_mode))
        if not stat.S_ISDIR(found.st_mode):
            facts += (found.st_size, found.st_ino, found.st_mtime_ns, found.st_ctime_ns)
        yield b"%s\0%s\n" % (name, repr(facts).encode())
        if stat.S_ISDIR(found.st_mode):
            yield from _lines(entry.path, name)

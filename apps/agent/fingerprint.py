"""A tree's fingerprint: has anything in it changed since it was laid out from checked bytes? For release_store.py.

It is made of names, modes, sizes, inodes and change times, not of contents: the change time of a file cannot
be set back by who writes to it, and looking at it takes microseconds where reading would take seconds.
"""

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path


def fingerprint(tree: Path) -> str:
    """In hex; differs after any write, removal, new name or change of mode below `tree`."""
    digest = hashlib.sha256()
    for line in _lines(os.fsencode(tree), b""):
        digest.update(line)
    return digest.hexdigest()


def _lines(folder: bytes, below: bytes) -> Iterator[bytes]:
    with os.scandir(folder) as scan:
        entries = sorted(scan, key=lambda entry: entry.name)
    for entry in entries:
        name = below + b"/" + entry.name
        found = entry.stat(follow_symlinks=False)
        facts: tuple[object, ...] = (stat.S_IFMT(found.st_mode), stat.S_IMODE(found.st_mode))
        if not stat.S_ISDIR(found.st_mode):
            facts += (found.st_size, found.st_ino, found.st_mtime_ns, found.st_ctime_ns)
        yield b"%s\0%s\n" % (name, repr(facts).encode())
        if stat.S_ISDIR(found.st_mode):
            yield from _lines(entry.path, name)

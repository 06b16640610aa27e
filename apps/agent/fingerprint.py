"""A tree's fingerprint, which changes when anything in the tree changes. Used by release_store.py.

It hashes names, modes, sizes, inodes and change times, not contents. A process that writes to a file cannot set
its change time back. Reading the times takes microseconds; reading the contents would take seconds.
"""

import hashlib
import os
import stat
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from apps.agent.tar_reader import Limits


def fingerprint(tree: Path, limits: Limits | None = None) -> str | None:
    """Return the fingerprint in hex. It differs after any write, removal, new name or change of mode in `tree`.

    Return None for a tree that is deeper, or has more members, than the `limits` of archives allow: it has changed.
    So a service that fills its folder keeps no agent busy. Raises OSError for a tree that cannot be read.
    """
    limits = limits or Limits()
    digest = hashlib.sha256()
    left = limits.members
    walk = [_entries(os.fsencode(tree), b"", left)]
    while walk:
        if (found := next(walk[-1], None)) is None:
            walk.pop()
            continue
        path, name, facts = found
        left -= 1
        if left < 0 or len(walk) > limits.depth:
            return None
        is_folder = stat.S_ISDIR(facts.st_mode)
        shown: tuple[object, ...] = (stat.S_IFMT(facts.st_mode), stat.S_IMODE(facts.st_mode))
        if is_folder:
            walk.append(_entries(path, name, left))
        else:
            shown += (facts.st_size, facts.st_ino, facts.st_mtime_ns, facts.st_ctime_ns)
        digest.update(b"%s\0%s\n" % (name, repr(shown).encode()))
    return digest.hexdigest()


def _entries(folder: bytes, prefix: bytes, most: int) -> Iterator[tuple[bytes, bytes, os.stat_result]]:
    """Yield path, name in the tree and facts of each entry, sorted; of too many, one more than `most`."""
    with os.scandir(folder) as scan:
        found = sorted(islice(scan, most + 1), key=lambda entry: entry.name)
    for entry in found:
        yield entry.path, prefix + b"/" + entry.name, entry.stat(follow_symlinks=False)

"""Folders that nobody may write to, as Go's module cache has: how to delete and move them.

Called by cache, and by the laptop's build service after each build.
"""

import os
import shutil
import stat
from contextlib import suppress
from pathlib import Path


def delete(folder: Path) -> None:
    """Delete a folder and what is in it, as far as this user may; a link and its target stay."""
    if folder.is_symlink():
        return
    with suppress(OSError):
        make_writable(folder)
    for found, folders, _ in os.walk(folder):
        for each in folders:
            with suppress(OSError):
                make_writable(Path(found, each))
    shutil.rmtree(folder, ignore_errors=True)


def make_writable(folder: Path) -> int:
    """Let this user write to a folder; return its former mode. A link stays as it is."""
    mode = folder.lstat().st_mode
    if stat.S_ISDIR(mode):
        folder.chmod(stat.S_IMODE(mode) | stat.S_IRWXU)
    return stat.S_IMODE(mode)

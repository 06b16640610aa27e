"""Remove trees that a service's user may have made: deep, wide, oddly named, without rights, or still written to.

Used by release_store.py. A folder is reached by its open parent and never by a path. So no link leads out of the
tree, and no path is too long. Few folders are open at once: one that lies deeper is moved up to the top of its tree.
"""

import contextlib
import errno
import logging
import os
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

logger = logging.getLogger(__name__)

SECONDS = 10.0
"""The time of one removal: enough for the files of any artifact. A service may go on to write while it lasts."""
_OPEN_FOLDERS = 32
_NAMED = 3
_SHOWN = 80
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NOT_EMPTY = (errno.ENOTEMPTY, errno.EEXIST)


class Removal:
    """The removal of some trees, all of them within `seconds`. It raises nothing: the log names what stays."""

    def __init__(self, seconds: float = SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until = clock() + seconds

    def empty(self, folder: Path) -> None:
        """Remove everything in a folder."""
        try:
            found = os.listdir(folder)  # noqa: PTH208 - names only
        except OSError as error:
            logger.warning("%s cannot be emptied: %s", folder, error)
            return
        for name in found:
            self.remove(folder / name)

    def remove(self, path: Path) -> bool:
        """Remove a file, a link or a tree; return whether it is gone."""
        try:
            parent = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            return True
        except OSError as error:
            logger.warning("%r is not removed: %s", str(path), error)
            return False
        try:
            tree = _Tree(parent, path.name, lambda: self._clock() >= self._until)
            gone = tree.remove()
        finally:
            os.close(parent)
        if not gone:
            logger.warning("%r is not removed, and is tried again later: %s", str(path), tree.why())
        return gone


def move(path: Path, to: Path) -> None:
    """Rename a folder; give its owner the rights first that this takes."""
    try:
        path.rename(to)
    except PermissionError:
        parent = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            _give_rights(parent, path.name)
        finally:
            os.close(parent)
        path.rename(to)


class _Entry(Protocol):
    @property
    def name(self) -> str: ...

    def is_dir(self, *, follow_symlinks: bool = True) -> bool: ...


@dataclass(frozen=True, slots=True)
class _Named:
    """The entry of the tree itself, whose parent is not searched."""

    name: str
    parent: int

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        found = os.stat(self.name, dir_fd=self.parent, follow_symlinks=follow_symlinks)
        return stat.S_ISDIR(found.st_mode)


class _Folder:
    """A folder that is open and being searched."""

    def __init__(self, name: str, descriptor: int) -> None:
        self.name = name
        self.descriptor = descriptor
        try:
            self._entries = os.scandir(descriptor)
        except OSError:
            os.close(descriptor)
            raise

    def next(self) -> os.DirEntry[str] | None:
        return next(self._entries, None)

    def close(self) -> None:
        self._entries.close()
        os.close(self.descriptor)


class _Tree:
    """One tree, which is walked until it is gone, the time is over, or a walk removes nothing of it."""

    def __init__(self, parent: int, name: str, is_late: Callable[[], bool]) -> None:
        self._parent = parent
        self._top = _Named(name, parent)
        self._is_late = is_late
        self._late = False
        self._open: list[_Folder] = []
        self._done = self._failed = 0
        self._problems: list[str] = []

    def why(self) -> str:
        """Return what kept it from going, as of the last walk."""
        more = f", and {self._failed - _NAMED} more" if self._failed > _NAMED else ""
        late = ["its time was over"] if self._late else []
        return "; ".join([*late, *self._problems]) + more or "it is still written to"

    def remove(self) -> bool:
        """Walk until an end; return whether the tree is gone."""
        while not self._late:
            self._done = self._failed = 0
            self._problems = []
            try:
                self._walk()
            finally:
                while self._open:
                    self._open.pop().close()
            if self._is_gone():
                return True
            if not self._done:
                break
        return False

    def _is_gone(self) -> bool:
        try:
            os.stat(self._top.name, dir_fd=self._parent, follow_symlinks=False)
        except OSError as error:
            return isinstance(error, FileNotFoundError)
        return False

    def _walk(self) -> None:
        self._try(self._top, self._parent)
        while self._open:
            self._late = self._late or self._is_late()
            if self._late:
                return
            here = self._open[-1]
            try:
                entry = here.next()
            except OSError as error:
                self._note(here.name, error)
                entry = None
            if entry is not None:
                self._try(entry, here.descriptor)
                continue
            self._open.pop().close()
            above = self._open[-1].descriptor if self._open else self._parent
            self._count(here.name, partial(os.rmdir, here.name, dir_fd=above))

    def _try(self, entry: _Entry, above: int) -> None:
        """Remove a file, or begin with a folder."""
        try:
            is_folder = entry.is_dir(follow_symlinks=False)
        except OSError as error:
            self._note(entry.name, error)
            return
        if not is_folder:
            self._count(entry.name, lambda: os.unlink(entry.name, dir_fd=above))
        elif len(self._open) < _OPEN_FOLDERS:
            try:
                self._open.append(_Folder(entry.name, _opened(above, entry.name)))
            except OSError as error:
                self._note(entry.name, error)
        else:
            self._count(entry.name, lambda: self._move_up(entry.name, above))

    def _move_up(self, name: str, above: int) -> None:
        top, new = self._open[0].descriptor, f"up-{os.urandom(8).hex()}"
        try:
            os.rename(name, new, src_dir_fd=above, dst_dir_fd=top)
        except PermissionError:
            _give_rights(above, name)
            os.rename(name, new, src_dir_fd=above, dst_dir_fd=top)

    def _count(self, name: str, act: Callable[[], None]) -> None:
        try:
            act()
        except FileNotFoundError:
            pass
        except OSError as error:
            self._note(name, error)
        else:
            self._done += 1

    def _note(self, name: str, error: OSError) -> None:
        if error.errno in _NOT_EMPTY:  # what is in the folder says why
            return
        self._failed += 1
        if len(self._problems) < _NAMED:
            self._problems.append(f"{name[:_SHOWN]!r}: {error.strerror}")


def _opened(parent: int, name: str) -> int:
    """Return a descriptor of a folder whose entries this user may remove."""
    try:
        found = os.open(name, _FOLDER, dir_fd=parent)
    except PermissionError:
        _give_rights(parent, name)
        found = os.open(name, _FOLDER, dir_fd=parent)
    if os.fstat(found).st_mode & stat.S_IRWXU != stat.S_IRWXU:
        with contextlib.suppress(OSError):
            os.fchmod(found, stat.S_IRWXU)
    return found


def _give_rights(parent: int, name: str) -> None:
    """Give the owner of a folder all rights to it. The folder is opened first, so no link can take its place."""
    found = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        Path(f"/proc/self/fd/{found}").chmod(stat.S_IRWXU)  # a descriptor of this kind has no fchmod
    finally:
        os.close(found)

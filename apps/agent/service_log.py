"""The service's log: bounded while the service writes to it, and read for a report. Used by service.py."""

import contextlib
import logging
import os
import threading
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from apps.agent.named_processes import logs, name_of

logger = logging.getLogger(__name__)

LOG_BYTES = 8 * 1024**2
CHECK_SECONDS = 1.0
_TAIL_LINES = 20
_TAIL_BYTES = 4000


def older(log: Path) -> Path:
    """Return the file with the lines before those in `log`."""
    return log.with_suffix(".log.1")


def rotate(log: Path) -> None:
    """Begin a new log for a new start of the service."""
    if log.exists():
        log.replace(older(log))


def rotate_all(log: Path, names: Collection[str]) -> None:
    """Begin new logs for all processes of a new start; forget the older file of one that the start before lacked."""
    for each in logs(log):
        if each.exists():
            rotate(each)
        elif each != log and name_of(each) not in names:
            older(each).unlink(missing_ok=True)


def trim_all(log: Path) -> None:
    """Bound the logs of all processes."""
    for each in logs(log):
        trim(each)


def trim(log: Path) -> None:
    """Bound the log while the service writes to it: move its end to the older file, and empty it.

    It needs no free space: the end is written into the space that the emptied log gives back. On an error only old
    lines are lost.
    """
    try:
        if log.stat().st_size <= LOG_BYTES:
            return
        with log.open("r+b") as full:
            full.seek(-min(LOG_BYTES // 2, full.seek(0, os.SEEK_END)), os.SEEK_END)
            end = full.read(LOG_BYTES // 2)
            full.truncate(0)
        _write(older(log), end)
    except FileNotFoundError:
        pass
    except OSError as error:
        logger.warning("%s could not be trimmed: %s", log, error)


def trim_removed(log: Path, pid: int) -> None:
    """Bound a log that was removed while a process writes to it: it still takes room on the disk, unseen."""
    for number in (1, 2):
        opened = Path(f"/proc/{pid}/fd/{number}")
        with contextlib.suppress(OSError):
            if str(opened.readlink()) == f"{log} (deleted)" and opened.stat().st_size > LOG_BYTES:
                os.truncate(opened, 0)


def _write(file: Path, content: bytes) -> None:
    """Replace a file's content; on a full disk, leave no part of it."""
    try:
        file.write_bytes(content)
    except OSError:
        file.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def trimming(log: Path) -> Iterator[None]:
    """Trim the logs now, then every second in a thread, until the block ends.

    They may have grown while no agent ran, and the block may need their space.
    """
    trim_all(log)
    ended = threading.Event()

    def run() -> None:
        while not ended.wait(CHECK_SECONDS):
            trim_all(log)

    thread = threading.Thread(target=run, name="log", daemon=True)
    try:
        thread.start()
    except RuntimeError as error:  # the service has all the threads of this host: the block may be what ends it
        logger.warning("the logs are not trimmed meanwhile: %s", error)
    try:
        yield
    finally:
        ended.set()
        if thread.ident is not None:
            thread.join()


def tail(log: Path, since: float, mask: Callable[[str], str] = str) -> str:
    """Return the last lines that the service wrote since its start at `since`, in the file system's seconds.

    The text is masked before a line is cut, since no part of a value would be found.
    """
    end = _end_of(log)
    with contextlib.suppress(FileNotFoundError):
        if len(end) < _TAIL_BYTES and older(log).stat().st_mtime > since:
            end = (_end_of(older(log)) + end)[-_TAIL_BYTES:]
    return "\n".join(line[:500] for line in mask(end.decode(errors="replace")).splitlines()[-_TAIL_LINES:])


def _end_of(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            opened.seek(max(0, opened.seek(0, os.SEEK_END) - _TAIL_BYTES))
            return opened.read(_TAIL_BYTES)
    except FileNotFoundError:
        return b""

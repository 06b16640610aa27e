"""The service's output, sent to CloudWatch Logs every few seconds in a thread of its own. Started by __main__.py.

Neither the service nor the agent waits for it: it reads the file that the service writes (service_log.py). While
CloudWatch is out of reach, the file holds the lines. Lines carry the time at which they were read.
"""

import logging
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path

from apps.agent import log_follower
from apps.agent.errors import EventsRefused
from apps.agent.log_follower import Position, Read
from apps.agent.log_lines import Mask, batches, texts, unmasked, whole_lines
from apps.agent.named_processes import logs, name_of
from apps.agent.ports import LogSink
from lifecycle.domain.errors import LifecycleError

logger = logging.getLogger(__name__)

SECONDS = 2.0
LONGEST_PAUSE_SECONDS = 300.0
_MOST_CHUNKS = 8  # of one turn: a service that writes without a pause must not keep this thread busy
_MOST_BACK_MS = 60_000
POSITION = "log-position.json"


class LogShipper:
    """A thread that sends what the service wrote since the stored positions: one stream for each of its processes.

    `mask` takes the configuration's values out of a line. While it cannot, it raises, and the lines wait.
    """

    def __init__(
        self, home: Path, sink: LogSink, now: Callable[[], float] = time.time, mask: Mask = unmasked
    ) -> None:
        self._log = home / "logs" / "service.log"

        def make(log: Path) -> _Stream:
            return _Stream(home, log, sink, now, mask)

        self._make = make
        self._streams = {self._log: self._make(self._log)}
        self._failures = 0
        self._refused = ""  # the last error that was named
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="logs", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self, seconds: float = 0.0) -> None:
        """Ask the thread to end, and wait at most so many seconds for its last call."""
        self._ending.set()
        if seconds:
            self._thread.join(seconds)

    def ship(self) -> bool:
        """Send what is new; return False after an error, which is named once."""
        try:
            self._streams = {log: self._streams.get(log) or self._make(log) for log in logs(self._log)}
            for stream in self._streams.values():
                stream.ship()
        except (LifecycleError, OSError, ValueError) as error:
            self._failures += 1
            if str(error) != self._refused:
                logger.warning("the service's log is not sent, and waits in %s: %s", self._log.parent, error)
            self._refused = str(error)
            return False
        if self._failures:
            logger.info("the service's log is sent again")
        self._failures, self._refused = 0, ""
        return True

    def pause(self) -> float:
        """Return the seconds until the next turn; after errors twice as many each time, not all hosts at once."""
        if not self._failures:
            return SECONDS
        longest = min(SECONDS * 2.0 ** min(self._failures, 10), LONGEST_PAUSE_SECONDS)
        return random.uniform(longest / 2, longest)  # noqa: S311 (it keeps hosts apart, nothing more)

    def _run(self) -> None:
        while not self._ending.wait(self.pause()):
            try:
                self.ship()
            except Exception:
                self._failures += 1
                logger.exception("the service's log could not be sent")


class _Stream:
    """The log of one process, and how far it was sent."""

    def __init__(self, home: Path, log: Path, sink: LogSink, now: Callable[[], float], mask: Mask) -> None:
        self._log = log
        self._process = name_of(log)
        self._file = home / (f"log-position.{self._process}.json" if self._process else POSITION)
        self._sink = sink
        self._now = now
        self._mask = mask
        self._position = log_follower.load(self._file)
        self._held = log_follower.Held()
        self._held.keep(self._log, self._position)
        self._latest_ms = 0
        self._waiting = b""
        self._suspect = False
        self._sent = (-1, -1, 0)  # of the chunk at this inode and offset, the batches that CloudWatch has
        self._left_out = ""  # the last error of a batch that was named

    def ship(self) -> None:
        """Send what is new."""
        for _ in range(_MOST_CHUNKS):
            found = log_follower.read(self._log, self._position)
            if found is None or not self._send(found):
                break

    def _send(self, found: Read) -> bool:
        """Send a chunk and store its end; return False when its only line is unfinished and may still grow."""
        grown = found.content != self._waiting
        size = whole_lines(found.content, ended=found.ended or not grown)
        self._waiting = found.content if not size else b""
        if not size:
            return False
        if found.lost and not self._suspect:  # the next turn looks again, after a trim that goes on now
            self._suspect = True
            return False
        self._suspect = False
        note = _note(found)
        lines = texts(found.content[:size], self._mask, begun=found.begun)
        self._put_new(found, [*([[note]] if note else []), *batches(lines)])
        self._position = found.after(size)
        self._held.keep(self._log, self._position)
        self._store(self._position)
        return True

    def _put_new(self, found: Read, every: list[list[str]]) -> None:
        """Put the batches of a chunk that an earlier, failed turn did not put."""
        inode, offset = found.start.inode, found.start.offset
        done = self._sent[2] if self._sent[:2] == (inode, offset) else 0
        for number, batch in enumerate(every[done:], done + 1):
            self._put(batch)
            self._sent = (inode, offset, number)
        self._sent = (-1, -1, 0)

    def _store(self, position: Position) -> None:
        try:
            log_follower.store(self._file, position)
        except OSError as error:  # a full disk: this process knows the position, and a later turn stores one
            logger.debug("%s could not be written: %s", self._file, error)

    def _put(self, batch: list[str]) -> None:
        # Readers sort lines by time, and a clock may go back a little. After a larger correction the new time counts.
        now_ms = int(self._now() * 1000)
        self._latest_ms = now_ms if self._latest_ms - now_ms > _MOST_BACK_MS else max(self._latest_ms, now_ms)
        try:
            self._sink.put(batch, self._latest_ms, self._process)
        except EventsRefused as error:
            if str(error) != self._left_out:
                logger.warning("%d lines of the service's log were left out: %s", len(batch), error)
            self._left_out = str(error)


def _note(found: Read) -> str:
    if found.skipped_lines:
        return f"lifecycle: {found.skipped_lines} lines were left out here: more was written than could be sent"
    if found.lost:
        return "lifecycle: an unknown number of lines was left out here: they were overwritten before they were sent"
    return ""

"""A build's log: a file, and a stream in CloudWatch Logs that is written in batches."""

import logging
import threading
import time
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

_BATCH_SECONDS = 0.2
_BATCH_LINES = 1000
_LONGEST_LINE = 32_768

log = logging.getLogger(__name__)


class BuildLog:
    """Takes lines from any thread; `close` returns when all of them are written."""

    def __init__(self, path: Path, group: str, stream: str) -> None:
        self._file = path.open("w", encoding="utf-8")
        self._group, self._stream = group, stream
        self._logs: Any = None
        self._waiting: list[dict[str, Any]] = []
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._write_on, name="build_log", daemon=True)

    def open_stream(self, logs: Any) -> None:
        """Write to CloudWatch Logs too, with this client; raise ClientError if it may not."""
        stream = {"logGroupName": self._group, "logStreamName": self._stream}
        try:
            logs.create_log_stream(**stream)
        except logs.exceptions.ResourceNotFoundException:
            logs.create_log_group(logGroupName=self._group)
            logs.create_log_stream(**stream)
        self._logs = logs
        self._thread.start()

    def write(self, line: str) -> None:
        with self._lock:
            self._file.write(line + "\n")
            # CloudWatch Logs refuses an empty message.
            event = {"timestamp": int(time.time() * 1000), "message": line[:_LONGEST_LINE] or " "}
            self._waiting.append(event)

    def say(self, text: str) -> None:
        """Write a line of the build service itself, in CodeBuild's format."""
        self.write(f"[Container] {time.strftime('%Y/%m/%d %H:%M:%S', time.gmtime())} {text}")

    def close(self) -> None:
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(10)
        with self._lock:
            self._file.close()

    def _write_on(self) -> None:
        while not self._closing.wait(_BATCH_SECONDS):
            self._flush()
        self._flush()

    def _flush(self) -> None:
        with self._lock:
            events, self._waiting = self._waiting, []
            self._file.flush()
        for start in range(0, len(events), _BATCH_LINES):
            batch = events[start : start + _BATCH_LINES]
            try:
                self._logs.put_log_events(logGroupName=self._group, logStreamName=self._stream, logEvents=batch)
            except (BotoCoreError, ClientError) as error:
                log.warning("%d lines of %s are only in its file: %s", len(batch), self._stream, error)

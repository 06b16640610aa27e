"""The standard streams of the command line: whatever is printed, a reader sees it, where it is.

Used by main.py. Typer's own messages repeat arguments, and messages of libraries may hold anything. The escape
sequences of colours pass, so foreign text is cleaned of them before (text.py).

A stream that is closed, whose reader ended, or whose encoding lacks a letter does not change what a command does, nor
its exit code. `lifecycle history | head -n 1` succeeds, and `lifecycle promote hello | true` promotes.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lifecycle.domain.visible_text import with_controls


class VisibleStream:
    """A text stream that leaves out characters that cannot be seen; all else is the stream's own.

    `unread` is True once its reader has ended. What is written then, is dropped.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.unread = False

    def write(self, text: str) -> int:
        """Write the visible part of a text; return the length of the whole."""
        try:
            self._stream.write(with_controls(text))
        except BrokenPipeError:
            self._drop()
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Write the visible part of each text."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Hand on what was written."""
        try:
            self._stream.flush()
        except BrokenPipeError:
            self._drop()

    def _drop(self) -> None:
        """Lead the stream nowhere, with what it still holds."""
        self.unread = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def unread() -> bool:
    """Return whether the reader of standard output has ended, so that nothing more needs to be shown."""
    return bool(getattr(sys.stdout, "unread", False))


@contextmanager
def visible_streams() -> Iterator[None]:
    """Let standard output and standard error show visible characters only."""
    _open_closed()
    before: tuple[Any, Any] = (sys.stdout, sys.stderr)
    streams: Any = sys
    streams.stdout, streams.stderr = (VisibleStream(_escaping(each)) for each in before)
    try:
        yield
    finally:
        for each in (sys.stdout, sys.stderr):
            each.flush()
        streams.stdout, streams.stderr = before


def _open_closed() -> None:
    """Open closed standard streams on the null device: else a file or socket would get the number of one."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number, which is this one
    streams: Any = sys
    for name, descriptor, mode in (("stdin", 0, "r"), ("stdout", 1, "w"), ("stderr", 2, "w")):
        if getattr(streams, name) is None:
            setattr(streams, name, os.fdopen(descriptor, mode, encoding="utf-8", closefd=False))


def _escaping(stream: Any) -> Any:
    """Let a text stream escape the letters that its encoding lacks, as standard error does."""
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="backslashreplace")
    return stream

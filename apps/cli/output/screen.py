"""The standard streams of the command line: whatever is printed, a reader sees it, where it is.

Used by main.py. Typer's own messages repeat arguments, and messages of libraries may hold anything. The escape
sequences of colours pass, so foreign text is cleaned of them before (text.py).
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lifecycle.domain.visible_text import with_controls


class VisibleStream:
    """A text stream that leaves out characters that cannot be seen; all else is the stream's own."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write the visible part of a text; return the length of the whole."""
        self._stream.write(with_controls(text))
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Write the visible part of each text."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def visible_streams() -> Iterator[None]:
    """Let standard output and standard error show visible characters only."""
    before: tuple[Any, Any] = (sys.stdout, sys.stderr)
    streams: Any = sys
    streams.stdout, streams.stderr = (each and VisibleStream(each) for each in before)
    try:
        yield
    finally:
        streams.stdout, streams.stderr = before

"""Waiting for something that happens in another thread or process.

Every test waits through this module, so that a busy machine makes tests slower and not red. A test that passes
does not wait longer for it.
"""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

Found = TypeVar("Found")

# Eight busy programs beside two processors make a test about ten times slower.
# A planted fault is meant to fail its test, some of them by this wait.
PATIENCE_SECONDS = 10.0 if "PLANTED" in os.environ else 120.0


def wait_for(
    what: str, poll: Callable[[], Found | None], *, seconds: float = PATIENCE_SECONDS, every: float = 0.02
) -> Found:
    """Poll until it returns a true value; return that. Raises AssertionError after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (found := poll()):
        assert time.monotonic() < deadline, f"waited {seconds:g} s for {what}; the last poll returned {found!r}"
        time.sleep(every)
    return found


def until(poll: Callable[[], Any], *, every: float = 0.005) -> Any:
    """Wait for a condition, as `wait_for` does; a failure names the line of the condition."""
    code = getattr(poll, "__code__", None)
    return wait_for(f"{code.co_filename}:{code.co_firstlineno}" if code else str(poll), poll, every=every)


def eventually() -> "Eventually":
    """Return a retry loop: `for attempt in ...: with attempt: assert ...`, until the assertion holds."""
    return Eventually()


class Eventually:
    """A retry loop that raises the last AssertionError after PATIENCE_SECONDS."""

    def __init__(self) -> None:
        self._deadline = time.monotonic() + PATIENCE_SECONDS
        self._done = False

    def __iter__(self) -> "Eventually":
        return self

    def __next__(self) -> contextlib.AbstractContextManager[None]:
        if self._done:
            raise StopIteration
        return self._attempt()

    @contextlib.contextmanager
    def _attempt(self) -> Iterator[None]:
        try:
            yield
            self._done = True
        except AssertionError:
            if time.monotonic() > self._deadline:
                raise
            time.sleep(0.01)

"""When a part of the laptop is told to end: SIGTERM by `lifecycle local down`, SIGINT by somebody at a terminal."""

import signal
from queue import SimpleQueue


def endings() -> "SimpleQueue[int]":
    """From now on, a queue that gets the number of each such signal; `get` waits for the first.

    An Event's lock may be held by the very code that a signal interrupts; this queue may be put into even then.
    """
    came: SimpleQueue[int] = SimpleQueue()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: came.put(number))
    return came

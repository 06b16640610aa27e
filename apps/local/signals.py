"""The signals that end a part of the environment: SIGTERM from `lifecycle local down`, SIGINT from a terminal."""

import signal
from queue import SimpleQueue


def endings() -> "SimpleQueue[int]":
    """Handle both signals from now on; return a queue of their numbers, whose `get` waits for the first.

    A signal may interrupt code that holds an Event's lock. SimpleQueue.put is reentrant, so it is safe even then.
    """
    received: SimpleQueue[int] = SimpleQueue()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: received.put(number))
    return received

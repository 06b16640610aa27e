"""The worker: it sends each new note once. Here, sending a note only prints it."""

import signal
import sys
import threading
from contextlib import closing

from notes.database import connect

_PAUSE_SECONDS = 0.5


def send_new(url: str = "") -> int:
    """Send the notes that no worker has sent; return their number. Several workers share the work."""
    with closing(connect(url)) as connection, connection:
        taken = connection.execute("update note set sent = 1 where sent = 0 returning id").fetchall()
    for (number,) in taken:
        print(f"sent note {number}", flush=True)
    return len(taken)


def main() -> None:
    ending = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ending.set())
    while not ending.wait(_PAUSE_SECONDS):
        send_new()
    sys.exit(0)


if __name__ == "__main__":
    main()

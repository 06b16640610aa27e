"""The service's own metrics since the last reading. A host reads them once a minute."""

import resource
import threading
from contextlib import contextmanager


class Metrics:
    """The number of greetings, and the most greetings in flight at once."""

    def __init__(self):
        self._lock = threading.Lock()
        self._in_flight = self._most_in_flight = self._greetings = 0

    @contextmanager
    def greeting(self):
        """Count one request for as long as the block runs."""
        with self._lock:
            self._greetings += 1
            self._in_flight += 1
            self._most_in_flight = max(self._most_in_flight, self._in_flight)
        try:
            yield
        finally:
            with self._lock:
                self._in_flight -= 1

    def read(self):
        """Return the numbers by name, and reset the counters."""
        with self._lock:
            found = {"greetings": self._greetings, "queue_length": self._most_in_flight}
            self._greetings, self._most_in_flight = 0, self._in_flight
        kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return {**found, "memory_mb": kilobytes / 1024}

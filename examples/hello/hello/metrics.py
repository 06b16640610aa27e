"""What the service tells of itself, about the time since it was last asked: a host asks once a minute."""

import resource
import threading
from contextlib import contextmanager


class Metrics:
    """Counts greetings, and how many were under way at once."""

    def __init__(self):
        self._lock = threading.Lock()
        self._under_way = self._most = self._greetings = 0

    @contextmanager
    def greeting(self):
        """Around the answer to one request."""
        with self._lock:
            self._greetings += 1
            self._under_way += 1
            self._most = max(self._most, self._under_way)
        try:
            yield
        finally:
            with self._lock:
                self._under_way -= 1

    def read(self):
        """The numbers by name; counting begins anew."""
        with self._lock:
            found = {"greetings": self._greetings, "queue_length": self._most}
            self._greetings, self._most = 0, self._under_way
        kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return {**found, "memory_mb": kilobytes / 1024}

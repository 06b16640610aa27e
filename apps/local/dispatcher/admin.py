"""HTTP on the Unix socket of Envoy's admin interface. Used by envoy.py and by the benchmark."""

import http.client
import os
import socket
from pathlib import Path


class AdminConnection(http.client.HTTPConnection):
    """A connection to the socket at `path`."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Connect; raise OSError if nobody listens."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        try:
            self.sock.connect(self._path)
        except OSError:
            self.close()
            raise


def socket_path(folder: Path) -> str:
    """Return the path of the socket in a folder, relative if that is shorter: a path may have 107 bytes."""
    path = folder / "admin.socket"
    return min(str(path), os.path.relpath(path), key=len)

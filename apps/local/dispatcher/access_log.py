"""Envoy's access log, read as it grows: each request's target group, status and latency.

Envoy's own histograms count whole milliseconds, and a service on a laptop answers within one. Read by
metrics_publisher.py.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

NAME = "requests.log"
FLUSH_MILLISECONDS = 250
# The duration is from the request leaving Envoy to the answer's first byte: an ALB's target response time.
FORMAT = "%UPSTREAM_CLUSTER% %RESPONSE_CODE% %COMMON_DURATION(US_TX_BEG:US_RX_BEG:us)% %RESPONSE_FLAGS%\n"
# The log is emptied when it is longer than this, in bytes; nothing else reads it.
LARGEST = 4 * 1024**2
# Envoy's cluster for a target group without a healthy target has its name and this suffix.
_OPEN = ".open"
_NO_TARGET = {"UH", "NC", "NR"}
_NO_CONNECTION = {"UF", "URX"}


@dataclass(frozen=True, slots=True)
class Answered:
    """One request that was sent to a target; `seconds` is None if the target did not answer."""

    cluster: str  # Envoy's name of the target group
    status: int
    seconds: float | None
    unreachable: bool = False


def open_name(cluster: str) -> str:
    """Return the name of the cluster that gets a target group's requests while it fails open."""
    return f"{cluster}{_OPEN}"


def parse(line: str) -> Answered | None:
    """Parse a line of the log; return None for a request without a target, or a line that was cut off."""
    parts = line.split(" ")
    if len(parts) != 4 or parts[0] == "-" or not parts[1].isdigit():
        return None
    cluster, status, microseconds, flags = parts
    response_flags = set(flags.split(","))
    if response_flags & _NO_TARGET:
        return None
    seconds = int(microseconds) / 1e6 if microseconds.isdigit() else None
    return Answered(
        cluster.removesuffix(_OPEN), int(status), seconds, unreachable=bool(response_flags & _NO_CONNECTION)
    )


class RequestsLog:
    """The log from now on; the lines of an earlier Envoy are dropped."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._at = 0
        self._rest = b""
        path.write_bytes(b"")

    def new(self) -> Iterator[Answered]:
        """Return the requests since the last call."""
        with self._path.open("rb") as log:
            log.seek(self._at)
            data = log.read()
        self._at += len(data)
        if self._at > LARGEST:
            # Envoy appends, so it continues at the new end; a line that it wrote just now is lost.
            os.truncate(self._path, 0)
            self._at = 0
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if found := parse(line.decode("ascii", "replace")):
                yield found

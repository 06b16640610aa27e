"""Envoy's log of every request, read as it grows: which target group, what was answered, how soon.

Envoy's own histograms count whole milliseconds, and a service on a laptop answers within one. Read by meter.py.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

NAME = "requests.log"
FLUSH_MILLISECONDS = 100
# Of the request as it left Envoy until the answer's first byte came: what an ALB calls the target's response time.
FORMAT = "%UPSTREAM_CLUSTER% %RESPONSE_CODE% %COMMON_DURATION(US_TX_BEG:US_RX_BEG:us)% %RESPONSE_FLAGS%\n"
# The log is emptied when it has grown to this; nothing else reads it.
LARGEST = 4 * 1024**2
_NO_TARGET = {"UH", "NC", "NR"}
_NO_CONNECTION = {"UF", "URX"}


@dataclass(frozen=True, slots=True)
class Answered:
    """One request that was given to a target; `seconds` is None where the target answered nothing."""

    cluster: str  # as Envoy calls a target group
    status: int
    seconds: float | None
    unreachable: bool = False


def parse(line: str) -> Answered | None:
    """A line of the log; None for a request that no target was chosen for, or a line that was cut off."""
    parts = line.split(" ")
    if len(parts) != 4 or parts[0] == "-" or not parts[1].isdigit():
        return None
    cluster, status, microseconds, flags = parts
    told = set(flags.split(","))
    if told & _NO_TARGET:
        return None
    seconds = int(microseconds) / 1e6 if microseconds.isdigit() else None
    return Answered(cluster, int(status), seconds, unreachable=bool(told & _NO_CONNECTION))


class RequestsLog:
    """The log from now on; what an earlier Envoy wrote is dropped."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._at = 0
        self._rest = b""
        path.write_bytes(b"")

    def new(self) -> Iterator[Answered]:
        """The requests since the last call."""
        with self._path.open("rb") as log:
            log.seek(self._at)
            data = log.read()
        self._at += len(data)
        if self._at > LARGEST:
            # Envoy appends, so it goes on at the new end; a line that it wrote just now is lost.
            os.truncate(self._path, 0)
            self._at = 0
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if found := parse(line.decode("ascii", "replace")):
                yield found

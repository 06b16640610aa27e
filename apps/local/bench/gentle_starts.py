"""While the load is measured, a service that starts gives way until it listens.

On AWS each host has processors of its own, and nobody notices another one's start. Here four hosts, the load
balancer and the load generator share two, and a Python service takes one of them for a tenth of a second to start.
Nothing of the product knows of it: the bench lowers the priority of a process as soon as a host has noted it, and
raises it again when it listens, before it gets its first request. Only root may raise a priority; for others nothing
is done.
"""

import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from apps.local.hosts import Host
from apps.local.ports import listens

BY = 15
_LOOK_SECONDS = 0.004
_AT_MOST_SECONDS = 5.0


@contextmanager
def gentle_starts(folder: Path, hosts: tuple[Host, ...]) -> Iterator[None]:
    """Watch the hosts of `folder` (one folder a host) meanwhile."""
    if os.geteuid() != 0:
        yield
        return
    stopping = threading.Event()
    watching = threading.Thread(
        target=_watch, args=(folder, hosts, stopping), name="gentle starts", daemon=True
    )
    watching.start()
    try:
        yield
    finally:
        stopping.set()
        watching.join()


def _watch(folder: Path, hosts: tuple[Host, ...], stopping: threading.Event) -> None:
    seen = {host.name: _pid(folder, host) for host in hosts}
    starting: dict[str, tuple[int, float]] = {}
    while not stopping.wait(_LOOK_SECONDS):
        for host in hosts:
            pid = _pid(folder, host)
            if pid and pid != seen[host.name]:
                seen[host.name] = pid
                starting[host.name] = (pid, time.monotonic() + _AT_MOST_SECONDS)
                _priority(pid, BY)
            elif host.name in starting:
                begun, until = starting[host.name]
                if listens(host.address, host.port) or time.monotonic() > until:
                    _priority(begun, 0)
                    del starting[host.name]
    for pid, _ in starting.values():
        _priority(pid, 0)


def _pid(folder: Path, host: Host) -> int:
    """What the host noted of its service; 0 while it has none."""
    try:
        return int(json.loads((folder / host.name / "service.json").read_text())["pid"])
    except (OSError, ValueError, KeyError):
        return 0


def _priority(pid: int, nice: int) -> None:
    """Of the process, and of its session, where the kernel shares processors out by sessions."""
    with suppress(OSError):
        os.setpriority(os.PRIO_PGRP, pid, nice)
    with suppress(OSError):
        Path(f"/proc/{pid}/autogroup").write_text(str(nice))

"""Pin the serving path and everything else to separate CPUs while the load is measured.

On AWS the control plane and each host have their own machines, so a service that starts on one host does not
delay requests to another. Here four hosts, the load balancer, the load generator and the embedded AWS share a
few CPUs. So one half of the CPUs is for Envoy, the load generator, and the services of registered hosts. The
other half is for the emulator, the Lambda workers, the agents, and services that stop or start. The product
does not know of it.
"""

import os
import threading
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from apps.local.own_files import read_json
from apps.local.paths import Layout
from apps.local.services.hosts import Host
from tools.bench import processes

_POLL_SECONDS = 0.003


@dataclass(frozen=True, slots=True)
class Halves:
    """The numbers of the CPUs of each half; both have the same one if there is only one."""

    serving: AbstractSet[int]
    working: AbstractSet[int]


def halves(processors: AbstractSet[int]) -> Halves:
    """Split the CPUs; the serving half gets one more if their number is odd."""
    ordered = sorted(processors)
    middle = (len(ordered) + 1) // 2
    return Halves(frozenset(ordered[:middle]), frozenset(ordered[middle:] or ordered))


@contextmanager
def pinned_cpus(layout: Layout, hosts: tuple[Host, ...], generator: int) -> Iterator[None]:
    """Pin the processes in this block, then let them run anywhere again.

    `generator` is the process id of the load generator.

    A process that is started meanwhile runs on the CPUs of its parent. On systems that cannot pin a process
    to CPUs, such as macOS, this does nothing.
    """
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    every = os.sched_getaffinity(0)
    split = halves(every)
    stopping = threading.Event()
    for pid, part in processes.members(layout).items():
        _move(pid, split.serving if part in (processes.SERVICES, processes.ENVOY) else split.working)
    _move(os.getpid(), split.working)
    _move(generator, split.serving)
    watching = threading.Thread(target=_watch, args=(layout, hosts, split, stopping), daemon=True)
    watching.start()
    try:
        yield
    finally:
        stopping.set()
        watching.join()
        for pid in (os.getpid(), generator, *processes.members(layout)):
            _move(pid, every)


def _watch(layout: Layout, hosts: tuple[Host, ...], split: Halves, stopping: threading.Event) -> None:
    """Move a service to the serving half when its host is registered, and back when its host drains."""
    os.sched_setaffinity(0, split.working)
    where: dict[tuple[Host, int], bool] = {}
    written: list[int] = []
    while not stopping.wait(_POLL_SECONDS):
        before, written = written, _written(layout)
        if written == before:
            continue
        served = in_rotation(layout.dispatcher)
        for host in hosts:
            serves = (host.address, host.port) in served
            pid = _pid(layout, host)
            if pid and where.get((host, pid)) is not serves:
                where[host, pid] = serves
                _move(pid, split.serving if serves else split.working)


def in_rotation(dispatcher: Path) -> set[tuple[str, int]]:
    """Return the addresses in Envoy's files that do not drain.

    Envoy checks the health of a new address before it sends requests there.
    """
    found = set()
    for file in dispatcher.glob("endpoints-*.json"):
        for resource in read_json(file, {"resources": []})["resources"]:
            for each in resource["endpoints"][0]["lb_endpoints"]:
                at = each["endpoint"]["address"]["socket_address"]
                if each["health_status"] == "HEALTHY":
                    found.add((at["address"], at["port_value"]))
    return found


def _written(layout: Layout) -> list[int]:
    """Return when each relevant file was last replaced; reading these times is cheap."""
    found = []
    for file in sorted((*layout.dispatcher.glob("endpoints-*.json"), *layout.hosts.glob("*/service.json"))):
        with suppress(OSError):
            found.append(file.stat().st_mtime_ns)
    return found


def _pid(layout: Layout, host: Host) -> int:
    """Return the process id of the host's service; 0 if it has none."""
    return int((read_json(layout.hosts / host.name / "service.json", None) or {"pid": 0})["pid"])


def _move(pid: int, processors: AbstractSet[int]) -> None:
    """Pin all threads of a process; ignore those that have ended."""
    with suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with suppress(OSError):
                os.sched_setaffinity(int(thread.name), processors)

"""While the load is measured, what serves requests has processors of its own, and so has everything else.

On AWS the control plane has machines of its own, and so does each host: nobody's requests wait because another host
starts a service. Here four hosts, the load balancer, the load generator and the embedded AWS share a few processors.
So one half of them is for Envoy, the load generator and the services whose hosts are registered; the other for the
emulator, the Lambda workers, the agents, and what is stopped or started. Nothing of the product knows of it.
"""

import os
import threading
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from apps.local.paths import Layout, read_json
from apps.local.services.hosts import Host
from tools.bench import processes

_POLL_SECONDS = 0.003


@dataclass(frozen=True, slots=True)
class Halves:
    """The numbers of the processors; the same ones twice where there is only one."""

    serving: AbstractSet[int]
    working: AbstractSet[int]


def halves(processors: AbstractSet[int]) -> Halves:
    """Split them; of an odd number, what serves gets one more."""
    ordered = sorted(processors)
    middle = (len(ordered) + 1) // 2
    return Halves(frozenset(ordered[:middle]), frozenset(ordered[middle:] or ordered))


@contextmanager
def pinned_cpus(layout: Layout, hosts: tuple[Host, ...], generator: int) -> Iterator[None]:
    """Keep them apart meanwhile, `generator` being the load generator's pid; then they may run anywhere again.

    What is started meanwhile runs where the one that started it does. Where a process cannot be kept to some
    processors, as on macOS, nothing is done.
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
    """A service comes to what serves when its host is registered, and leaves it when its host drains."""
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
    """The addresses that Envoy's files list and do not drain; Envoy checks a new one before it gets a request."""
    found = set()
    for file in dispatcher.glob("endpoints-*.json"):
        for resource in read_json(file, {"resources": []})["resources"]:
            for each in resource["endpoints"][0]["lb_endpoints"]:
                at = each["endpoint"]["address"]["socket_address"]
                if each["health_status"] == "HEALTHY":
                    found.add((at["address"], at["port_value"]))
    return found


def _written(layout: Layout) -> list[int]:
    """When each file that matters was last replaced: a look at them all costs next to nothing."""
    found = []
    for file in sorted((*layout.dispatcher.glob("endpoints-*.json"), *layout.hosts.glob("*/service.json"))):
        with suppress(OSError):
            found.append(file.stat().st_mtime_ns)
    return found


def _pid(layout: Layout, host: Host) -> int:
    """What the host noted of its service; 0 while it has none."""
    return int((read_json(layout.hosts / host.name / "service.json", None) or {"pid": 0})["pid"])


def _move(pid: int, processors: AbstractSet[int]) -> None:
    """All threads of a process; one that has ended meanwhile is left out."""
    with suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with suppress(OSError):
                os.sched_setaffinity(int(thread.name), processors)

"""The status of every process of the environment: its port, its memory, and if it answers.

Called by `lifecycle local status`; the benchmark takes its memory figures from here.
"""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psutil

from apps.local.aws.emulator import PART as EMULATOR
from apps.local.aws.emulator import emulator_answers
from apps.local.aws.endpoints import ENDPOINTS
from apps.local.own_files import read_json
from apps.local.paths import Layout
from apps.local.ports import LOOPBACK, listens
from apps.local.processes import Part, recorded, session
from apps.local.services import hosts


@dataclass(frozen=True, slots=True)
class Row:
    """One part; `rss` and `pss` are bytes of everything in its session, `pss` with shared pages divided."""

    part: str
    state: str
    pid: int | None
    address: str
    processes: int
    rss: int
    pss: int


def rows(layout: Layout) -> list[Row]:
    """Return the rows of the endpoints, then those of each cluster's hosts: agents and services."""
    environment = read_json(layout.environment, None) or {}
    parts = recorded(layout)
    found = [_endpoint(parts[name], environment) for name in (EMULATOR, *ENDPOINTS) if name in parts]
    for cluster in hosts.clusters(layout).values():
        for host in cluster.hosts:
            if host.part in parts:
                part = parts[host.part]
                found.append(_row(host.part, "up" if part.alive else "dead", part.pid, "", session(part)))
            found.append(_service(layout, host))
    return found


def totals(found: list[Row]) -> dict[str, int]:
    """Return the sums over all parts."""
    return {
        "processes": sum(row.processes for row in found),
        "rss": sum(row.rss for row in found),
        "pss": sum(row.pss for row in found),
    }


def _endpoint(part: Part, environment: Mapping[str, Any]) -> Row:
    port = environment.get("ports", {}).get(ENDPOINTS.get(part.name, part.name), 0)
    state = "dead"
    if part.alive:
        answers = emulator_answers(port) if part.name == EMULATOR else listens(LOOPBACK, port)
        state = "up" if answers else "unreachable"
    return _row(part.name, state, part.pid, f"{LOOPBACK}:{port}" if port else "", session(part))


def _service(layout: Layout, host: hosts.Host) -> Row:
    """Return the row of a host's service, which its agent recorded in service.json."""
    started = read_json(layout.hosts / host.name / "service.json", None)
    address = host.place
    name = f"service-{host.name}"
    if started is None or not psutil.pid_exists(started["pid"]):
        return _row(name, "not installed" if started is None else "dead", None, address, set())
    members = session(Part(name, started["pid"], psutil.Process(started["pid"]).create_time(), ()))
    return _row(name, f"up {started['version']}", started["pid"], address, members)


def _row(name: str, state: str, pid: int | None, address: str, members: set[int]) -> Row:
    rss = pss = 0
    for member in members:
        with contextlib.suppress(psutil.Error):
            memory = psutil.Process(member).memory_full_info()
            rss += memory.rss
            pss += getattr(memory, "pss", memory.rss)
    return Row(name, state, pid, address, len(members), rss, pss)

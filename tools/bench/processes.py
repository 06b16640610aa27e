"""The processes of the environment by part, with their memory and CPU time."""

import contextlib
import os
from collections import Counter
from collections.abc import Mapping
from typing import Any, TypeAlias

import psutil

from apps.local.aws.emulator import PART as EMULATOR
from apps.local.aws.endpoints import BALANCER, BUILDER
from apps.local.own_files import read_json
from apps.local.paths import Layout
from apps.local.processes import recorded
from apps.local.services import hosts

AGENTS, SERVICES, ENVOY, LAMBDA_WORKERS = "agents", "services", "envoy", "lambda workers"
# The leader of a session belongs to one part, its children may belong to another.
_NAMES = {
    EMULATOR: ("emulator", LAMBDA_WORKERS),
    BALANCER: ("dispatcher", ENVOY),
    BUILDER: ("codebuild endpoint", "builds"),
}
_MEGABYTE = 1e6
Used: TypeAlias = dict[int, tuple[str, float]]


def leaders(layout: Layout) -> dict[int, tuple[str, str]]:
    """Return the pid of each session, with the part of its leader and of its children."""
    found = {}
    for name, part in recorded(layout).items():
        one = AGENTS if name.startswith(hosts.AGENT) else name
        found[part.pid] = _NAMES.get(name, (one, one))
    for file in layout.hosts.glob("*/service.json"):
        if started := read_json(file, None):
            found[int(started["pid"])] = (SERVICES, SERVICES)
    return found


def members(layout: Layout) -> dict[int, str]:
    """Return every process of the environment with its part."""
    known, found = leaders(layout), {}
    for pid in psutil.pids():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if names := known.get(session := os.getsid(pid)):
                found[pid] = names[pid != session]
    return found


def memory(layout: Layout) -> dict[str, Any]:
    """Return the memory in megabytes (10^6 bytes): `rss` counts all pages, `pss` divides shared pages."""
    parts: dict[str, Counter[str]] = {}
    workers = {}
    for pid, part in members(layout).items():
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            found = process.memory_full_info()
            parts.setdefault(part, Counter()).update(processes=1, rss=found.rss, pss=found.pss)
            if part == LAMBDA_WORKERS:
                workers[f"{process.name()} ({pid})"] = _megabytes({"rss": found.rss, "pss": found.pss})
    return {
        "total": _megabytes(sum(parts.values(), Counter[str]())),
        "parts": {name: _megabytes(parts[name]) for name in sorted(parts)},
        "lambda_workers": dict(sorted(workers.items())),
    }


def used(layout: Layout) -> Used:
    """Return the CPU seconds of each process so far."""
    found: Used = {}
    for pid, part in members(layout).items():
        with contextlib.suppress(psutil.Error):
            times = psutil.Process(pid).cpu_times()
            found[pid] = (part, times.user + times.system)
    return found


def spent(before: Used, after: Used) -> dict[str, float]:
    """Return the CPU seconds by part between two readings, without processes that ended in between."""
    parts: dict[str, float] = {}
    for pid, (part, seconds) in after.items():
        known, until_then = before.get(pid, (part, 0.0))
        parts[part] = parts.get(part, 0.0) + seconds - (until_then if known == part else 0.0)
    return {name: round(seconds, 3) for name, seconds in sorted(parts.items())}


def _megabytes(found: Mapping[str, int]) -> dict[str, float]:
    return {name: round(value / _MEGABYTE, 1) if name != "processes" else value for name, value in found.items()}

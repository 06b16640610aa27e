"""Healing: the seconds from `kill -9` of a service until its host serves again, behind the load balancer."""

import json
import os
import signal
import statistics
import time
from typing import Any

from apps.local.errors import LaptopError
from lifecycle.domain.convergence.crash_loop import STEADY_MINUTES
from lifecycle.domain.fleet.target_group import TargetState
from tools.bench.laboratory import Laboratory, say

KILLS = 10
_GIVEN_UP_SECONDS = 60.0
_POLL_SECONDS = 0.05


def heal(lab: Laboratory, kills: int = KILLS) -> dict[str, Any]:
    """Kill the service of one host after another; return the seconds of each, and their median."""
    seconds = []
    hosts = lab.production.hosts
    pause = STEADY_MINUTES / len(hosts)  # a laptop's minute is a second: a host that is killed again ran for long
    for number in range(kills):
        host = hosts[number % len(hosts)]
        say(f"kill -9 {number + 1} of {kills}: {host.name}")
        seconds.append(_killed(lab, host.name, host.address))
        time.sleep(pause)
    return {"seconds": [round(each, 2) for each in seconds], "median": round(statistics.median(seconds), 2)}


def _killed(lab: Laboratory, host: str, address: str) -> float:
    context = lab.connection().context
    before = context.fleet.report(lab.cluster, host)
    pid = int(json.loads((lab.layout.hosts / host / "service.json").read_text())["pid"])
    os.kill(pid, signal.SIGKILL)
    began = time.monotonic()
    while (lasted := time.monotonic() - began) < _GIVEN_UP_SECONDS:
        report = context.fleet.report(lab.cluster, host)
        again = report and before and report.boot not in ("", before.boot) and report.has_passed(before.digest)
        if again and context.dispatcher.target(lab.cluster, address) is TargetState.HEALTHY:
            return lasted
        time.sleep(_POLL_SECONDS)
    raise LaptopError(
        f"{host} does not serve {_GIVEN_UP_SECONDS:g} s after its service was killed; see its agent's log"
    )

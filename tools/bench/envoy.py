"""Envoy's own count of requests and of retries, by its admin interface: what the client says is compared with it."""

import json
import urllib.request
from collections import Counter
from collections.abc import Mapping
from typing import Any

from apps.local.ports import LOOPBACK, Ports

_NO_PROXY = urllib.request.ProxyHandler({})
_FROM, _TO, _RETRY = "downstream_rq_total", "upstream_rq_total", "upstream_rq_retry"
_OF_TRAFFIC = ("cluster.", "http.")


def counters(ports: Ports) -> dict[str, int]:
    """Requests that came from clients, that went to services, and retries; all since Envoy started."""
    state = _get(f"http://{LOOPBACK}:{ports.balancer}/_lifecycle/state")["envoy"]
    found = _get(f"{state['admin']}/stats?format=json&filter=_rq_(total|retry)$")["stats"]
    return {**summed({each["name"]: each["value"] for each in found if "value" in each}), "pid": state["pid"]}


def summed(stats: Mapping[str, int]) -> dict[str, int]:
    """The counters of all clusters and listeners together, the admin interface's own left out."""
    totals = Counter({"from_clients": 0, "to_services": 0, "retries": 0})
    for name, value in stats.items():
        last = name.rpartition(".")[2]
        if not name.startswith(_OF_TRAFFIC) or name.startswith("http.admin."):
            continue
        if last == _FROM:
            totals["from_clients"] += value
        elif last == _TO:
            totals["to_services"] += value
        elif last == _RETRY:
            totals["retries"] += value
    return dict(totals)


def compared(before: Mapping[str, int], after: Mapping[str, int], sent: int) -> dict[str, Any]:
    """`each_once`: what was sent came in once and went to a service once, and nothing was tried again."""
    found = {name: after[name] - before[name] for name in ("from_clients", "to_services", "retries")}
    once = (
        found == {"from_clients": sent, "to_services": sent, "retries": 0} and before["pid"] == after["pid"]
    )
    return {"sent": sent, **found, "each_once": once}


def _get(url: str) -> Any:
    with urllib.request.build_opener(_NO_PROXY).open(url, timeout=10) as answer:
        return json.load(answer)

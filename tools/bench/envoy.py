"""Envoy's own counters of requests and retries, from its admin interface.

Compared with what the client sent.
"""

import json
import urllib.request
from collections import Counter
from collections.abc import Mapping
from typing import Any

from apps.local.dispatcher.admin import AdminConnection
from apps.local.ports import LOOPBACK, Ports

_NO_PROXY = urllib.request.ProxyHandler({})
_FROM, _TO, _RETRY = "downstream_rq_total", "upstream_rq_total", "upstream_rq_retry"
_OF_TRAFFIC = ("cluster.", "http.")


def counters(ports: Ports) -> dict[str, int]:
    """Return the requests from clients and to services, and the retries, since Envoy started."""
    state = _get(f"http://{LOOPBACK}:{ports.balancer}/_lifecycle/state")["envoy"]
    found = _of_admin(state["admin"], "/stats?format=json&filter=_rq_(total|retry)$")["stats"]
    return {**summed({each["name"]: each["value"] for each in found if "value" in each}), "pid": state["pid"]}


def summed(stats: Mapping[str, int]) -> dict[str, int]:
    """Return the sums over all clusters and listeners, without those of the admin interface."""
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
    """Compare the counters with the number of requests sent.

    `each_once`: every request came in once and went to a service once, and none was retried.
    """
    found = {name: after[name] - before[name] for name in ("from_clients", "to_services", "retries")}
    once = found == {"from_clients": sent, "to_services": sent, "retries": 0} and before["pid"] == after["pid"]
    return {"sent": sent, **found, "each_once": once}


def _of_admin(path: str, query: str) -> Any:
    connection = AdminConnection(path, timeout=10)
    try:
        connection.request("GET", query)
        return json.load(connection.getresponse())
    finally:
        connection.close()


def _get(url: str) -> Any:
    with urllib.request.build_opener(_NO_PROXY).open(url, timeout=10) as answer:
        return json.load(answer)

"""Targets of no known host: take them out, with an audit entry first.

Called by converge.py and by the plan before anything else. Nothing fences the load balancer, but no deployment
registers an address and port that no host reports (docs/adr/0021).
"""

from collections.abc import Sequence
from functools import partial

from lifecycle.application.context import Context
from lifecycle.application.polling import persistently
from lifecycle.application.rollout.test_bed import traffic_weights
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.strays import RegisteredTarget, Strays, strays_of
from lifecycle.domain.monitoring.audit import AuditEntry, AuditKind


def find_strays(
    context: Context, cluster: Cluster, set_back: str = "", targets: Sequence[RegisteredTarget] | None = None
) -> Strays:
    """Return the strays; `set_back` says why the ledger may lack hosts. `targets` were read before, if any are given.

    The targets are read first: a host reports its address before it can be registered.
    """
    targets = context.dispatcher.registered(cluster) if targets is None else targets
    return strays_of(context.fleet.reports(cluster), targets, set_back, context.fleet.bound(cluster).places)


def take_out_strays(context: Context, cluster: Cluster, found: Strays, set_back: str = "") -> Strays:
    """Deregister the strays that still are some a heartbeat later; return those, or why they are held."""
    if not found.targets or found.held:
        return found
    # A live agent writes its report again within this time, if something has deleted it.
    context.clock.sleep(context.heartbeat_timeout.total_seconds() / 2)
    who = f"strays of {cluster}"
    now = persistently(context.clock, context.poll_seconds, who, lambda: find_strays(context, cluster, set_back))
    if now.held:
        return now
    before = {each.key for each in found.targets}
    strays = Strays(tuple(each for each in now.targets if each.key in before))
    for each in strays.targets:
        what, why = f"take out {each}, a target of no host", f"no host of {cluster} reports this address and port"
        entry = AuditEntry(context.clock.now(), str(cluster), what, "lifecycle", why, kind=AuditKind.HAND_MADE)
        context.audit_log.append(entry)
        persistently(context.clock, context.poll_seconds, str(each), partial(_take_out, context, cluster, each))
    return strays


def _take_out(context: Context, cluster: Cluster, stray: RegisteredTarget) -> None:
    traffic_weights.stop_traffic(context, cluster, stray.address)
    context.dispatcher.deregister(cluster, stray.address, stray.port, stray.group)

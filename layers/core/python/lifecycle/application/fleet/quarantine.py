"""Quarantine a version or a host, and lift the quarantine.

Called by functions/fleet/quarantine. An audit entry precedes each effect.
"""

from lifecycle.application.context import Context
from lifecycle.application.operator_command import CommandResult, RequestedBy
from lifecycle.domain.errors import Unknown
from lifecycle.domain.fleet.cluster import Cluster


def quarantine(context: Context, cluster: Cluster, name: str, by: RequestedBy) -> CommandResult:
    """Keep a version or a host of this cluster out of every later deployment; raises Unknown."""
    is_host = name in context.fleet.reports(cluster)
    if not is_host:
        context.artifacts.manifest(cluster.service, name)
    context.record(cluster, f"quarantine {name}", by.who, by.why)
    kind, put = ("host", context.fleet.quarantine_host) if is_host else ("version", context.fleet.quarantine)
    put(cluster, name, f"{by.why} (by {by.who})")
    return CommandResult(f"{kind} {name} of {cluster} is quarantined", (str(cluster),))


def lift_quarantine(context: Context, cluster: Cluster, name: str, by: RequestedBy) -> CommandResult:
    """Let a version be deployed again, or a host be a member again; raises Unknown."""
    standing = {**context.fleet.quarantined(cluster), **context.fleet.quarantined_hosts(cluster)}
    if name not in standing:
        raise Unknown("quarantine", of=f"{name} in {cluster}", known=sorted(standing))
    context.record(cluster, f"lift the quarantine of {name}", by.who, by.why)
    context.fleet.lift_quarantine(cluster, name)
    return CommandResult(f"{name} of {cluster} is no longer quarantined", (str(cluster),))

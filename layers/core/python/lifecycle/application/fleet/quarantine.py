"""Quarantines: exclude a version or a host from a cluster, and lift that again.

Called by functions/fleet/quarantine. An audit entry precedes each effect.
"""

from lifecycle.application.context import Context
from lifecycle.application.operator_command import CommandResult, RequestedBy
from lifecycle.domain.errors import Unknown
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.service.target import named_config


def quarantine(context: Context, cluster: Cluster, name: str, by: RequestedBy) -> CommandResult:
    """Exclude a version, a host or a configuration (`config-6`) from every later deployment; raises Unknown."""
    is_host = name in context.fleet.reports(cluster)
    is_config = not is_host and named_config(name) > 0
    if not is_host and not is_config:
        _ = context.artifacts.manifest(cluster.service, name)  # raises Unknown for a version that does not exist
    context.record(cluster, f"quarantine {name}", by.who, by.why)
    kind, put = ("host", context.fleet.quarantine_host) if is_host else ("version", context.fleet.quarantine)
    put(cluster, name, f"{by.why} (by {by.who})")
    kind = "configuration" if is_config else kind
    return CommandResult(f"{kind} {name} of {cluster} is quarantined", (str(cluster),))


def lift_quarantine(context: Context, cluster: Cluster, name: str, by: RequestedBy) -> CommandResult:
    """Allow a version or a host in deployments of this cluster again; raises Unknown."""
    quarantined = {**context.fleet.quarantined(cluster), **context.fleet.quarantined_hosts(cluster)}
    if name not in quarantined:
        raise Unknown("quarantine", of=f"{name} in {cluster}", known=sorted(quarantined))
    context.record(cluster, f"lift the quarantine of {name}", by.who, by.why)
    context.fleet.lift_quarantine(cluster, name)
    return CommandResult(f"{name} of {cluster} is no longer quarantined", (str(cluster),))

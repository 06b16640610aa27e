"""Quarantine a version or a host, and lift the quarantine.

Called by functions/fleet/quarantine. An audit entry precedes each effect.
"""

from lifecycle.application.context import World
from lifecycle.application.operator_command import By, Done
from lifecycle.domain.errors import Unknown
from lifecycle.domain.fleet.cluster import Cluster


def quarantine(world: World, cluster: Cluster, name: str, by: By) -> Done:
    """Keep a version or a host of this cluster out of every later deployment; raises Unknown."""
    is_host = name in world.fleet.reports(cluster)
    if not is_host:
        world.artifacts.manifest(cluster.service, name)
    world.tell(cluster, f"quarantine {name}", by.who, by.why)
    kind, put = ("host", world.fleet.quarantine_host) if is_host else ("version", world.fleet.quarantine)
    put(cluster, name, f"{by.why} (by {by.who})")
    return Done(f"{kind} {name} of {cluster} is quarantined", (str(cluster),))


def lift_quarantine(world: World, cluster: Cluster, name: str, by: By) -> Done:
    """Let a version be deployed again, or a host be a member again; raises Unknown."""
    standing = {**world.fleet.quarantined(cluster), **world.fleet.quarantined_hosts(cluster)}
    if name not in standing:
        there = ", ".join(sorted(standing)) or "nothing"
        raise Unknown("quarantine", f"of {name} in {cluster}", f"quarantined there is: {there}")
    world.tell(cluster, f"lift the quarantine of {name}", by.who, by.why)
    world.fleet.lift_quarantine(cluster, name)
    return Done(f"{name} of {cluster} is no longer quarantined", (str(cluster),))

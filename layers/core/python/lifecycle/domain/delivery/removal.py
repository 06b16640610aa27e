"""The removal of a service: the owner that no repository is, and the uses that forbid the removal.

Called by application/delivery/remove_service.py.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from lifecycle import names
from lifecycle.domain.delivery.delivery_name import DeliveryName
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.listing import listed

# No clone URL begins with it, so no repository's build is the owner's while the removal is under way.
_UNDER_WAY = "being removed from "


def under_way(owner: str) -> str:
    """Return the owner of a service that is being removed from this one."""
    return owner if owner.startswith(_UNDER_WAY) else f"{_UNDER_WAY}{owner}"


def former_owner(owner: str) -> str:
    """Return the repository that a service belonged to before its removal began."""
    return owner.removeprefix(_UNDER_WAY)


@dataclass(frozen=True, slots=True)
class ClusterRemains:
    """The remains of a cluster: its parameters (`exists`), hosts, lease's holder and pending deployment."""

    cluster: Cluster
    exists: bool
    hosts: Collection[str]
    holder: str
    waiting: str


def uses(remains: Sequence[ClusterRemains]) -> list[str]:
    """Return why a service with these clusters may not be removed, each with what to do; empty if it may."""
    return [why for each in remains for why in _of_cluster(each)]


def _of_cluster(found: ClusterRemains) -> list[str]:
    cluster, reasons = found.cluster, list[str]()
    options = f"--environment {cluster.environment} --why '...'"
    if found.holder:
        reasons.append(f"{found.holder} is deploying {cluster}: wait for its end, or `lifecycle resume --abort` it")
    if found.waiting:
        cancel = f"`lifecycle cancel {cluster.service} {options}`"
        reasons.append(f"{found.waiting} waits to be deployed to {cluster}: {cancel}")
    if found.exists:
        stack = names.cluster_stack(cluster.environment, cluster.service)
        path = names.cluster_parameters(cluster.environment, cluster.service)
        reasons.append(
            f"{cluster} is a cluster: delete its stack {stack}, then the parameters that are left below {path} "
            f"(`lifecycle local remove {cluster.service}` does both on a laptop)"
        )
    if found.hosts:
        remove = f"`lifecycle remove-host {cluster.service} HOST {options}`"
        reasons.append(f"{cluster} has hosts, {listed(sorted(found.hosts))}: {remove} for each")
    return reasons


def runs_of(service: str, owner: str, runs: Sequence[str]) -> list[str]:
    """Return the runs of a service, or of the whole repository that owns it."""
    repository = DeliveryName.of(owner.rstrip("/").rpartition("/")[2].removesuffix(".git"), "").repository
    parsed = [(run, DeliveryName.parse(run)) for run in runs]
    return [run for run, name in parsed if name and (name.delivers(service) or name.repository == repository)]

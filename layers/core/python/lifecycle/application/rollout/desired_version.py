"""The desired version of a cluster, with the deployment that it names and what a person changed by hand.

Used by the plan of a deployment, by convergence and by the queries; reads only.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from lifecycle.application.context import Context
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.rollout.deployment import Deployment
from lifecycle.domain.rollout.lease import Lease
from lifecycle.domain.rollout.provenance import Nobodys, giver, nobodys


@dataclass(frozen=True, slots=True)
class DesiredVersion:
    """The registry's version, the record of the deployment that it names, and why it is nobody's, if it is."""

    desired: Desired | None
    named: Deployment | None
    nobodys: Nobodys | None


def read_desired(context: Context, cluster: Cluster, lease: Lease, recent: Sequence[Deployment]) -> DesiredVersion:
    """Read the registry, after the lease and the records, and compare it with them."""
    desired = context.registry.desired(cluster)
    named = _record(context, cluster, desired.deployment, recent) if desired else None
    gave = giver(desired, recent)
    touched = (gave.id,) if gave and context.deployments.has_attempts(gave.id) else ()
    found = nobodys(cluster, desired, named, recent, lease, touched)
    if found and context.leases.current(cluster) != lease:
        found = None  # a deployment began meanwhile, whose record has no epoch yet
    return DesiredVersion(desired, named, found)


def _record(context: Context, cluster: Cluster, name: str, recent: Sequence[Deployment]) -> Deployment | None:
    known = next((each for each in recent if each.id == name), None)
    return known or (context.deployments.get(cluster, name) if name else None)

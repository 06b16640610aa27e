"""The desired version of a cluster, with the deployment that it names and what a person changed by hand.

Used by the plan of a deployment, by convergence and by the queries; reads only.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from lifecycle.application.context import Context
from lifecycle.application.readable import readable
from lifecycle.domain.errors import UnreadableRecord
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.rollout.deployment import Deployment
from lifecycle.domain.rollout.lease import Lease
from lifecycle.domain.rollout.provenance import Nobodys, nobodys


@dataclass(frozen=True, slots=True)
class DesiredVersion:
    """The registry's version, the record of the deployment that it names, and why it is nobody's, if it is.

    `unreadable` has an error for each of both that cannot be read; then nothing is said about `nobodys`.
    """

    desired: Desired | None
    named: Deployment | None
    nobodys: Nobodys | None
    unreadable: tuple[UnreadableRecord, ...] = ()


def read_desired(context: Context, cluster: Cluster, lease: Lease, recent: Sequence[Deployment]) -> DesiredVersion:
    """Read the registry, after the lease and the records, and compare it with them."""
    desired, unreadable = readable(lambda: context.registry.desired(cluster), None)
    named, lost = readable(lambda: named_deployment(context, cluster, desired, recent), None)
    if unreadable or lost:
        return DesiredVersion(desired, named, None, (*unreadable, *lost))
    found = nobodys(cluster, desired, named, recent, lease)
    if found and (context.leases.current(cluster) != lease or not _stays_nobodys(context, cluster, found, recent)):
        found = None  # a deployment wrote it meanwhile
    return DesiredVersion(desired, named, found)


def _stays_nobodys(context: Context, cluster: Cluster, found: Nobodys, before: Sequence[Deployment]) -> bool:
    """Return whether the records of now do not explain the desired version that was read before them.

    A deployment that lost its lease may write beside the lease's holder, and has recorded it first.
    """
    recent, _ = readable(lambda: context.deployments.recent_without_hosts(cluster, len(before) or 1), before)
    named, _ = readable(lambda: named_deployment(context, cluster, found.found, recent), None)
    return nobodys(cluster, found.found, named, recent, context.leases.current(cluster)) is not None


def named_deployment(
    context: Context, cluster: Cluster, desired: Desired | None, recent: Sequence[Deployment]
) -> Deployment | None:
    """Return the record of the deployment that the desired version names, if there is one."""
    if desired is None or not desired.deployment:
        return None
    known = next((each for each in recent if each.id == desired.deployment), None)
    return known or context.deployments.get(cluster, desired.deployment)

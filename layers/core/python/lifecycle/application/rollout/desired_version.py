"""The desired version of a cluster, with the deployment that it names and what a person changed by hand.

Used by the plan of a deployment, by convergence and by the queries; reads only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from lifecycle.application.context import Context
from lifecycle.application.readable import readable
from lifecycle.domain.errors import UnreadableRecord
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.rollout.deployment import Deployment
from lifecycle.domain.rollout.lease import Lease
from lifecycle.domain.rollout.provenance import Nobodys, nobodys

# The most times that the registry is compared with records that change meanwhile.
_READS = 3


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
    """Read the registry, after the lease and the records, and compare it with them.

    A deployment may write it, and record that, between these reads. So it is nobody's only if the records that are
    read after it say so too, under the same lease. While they change, nothing is said about it.
    """
    for _ in range(_READS):
        desired, unreadable = readable(lambda: context.registry.desired(cluster), None)
        named, lost = readable(partial(named_deployment, context, cluster, desired, recent), None)
        if unreadable or lost:
            return DesiredVersion(desired, named, None, (*unreadable, *lost))
        if (found := nobodys(cluster, desired, named, recent, lease)) is None:
            break
        before, lease = lease, context.leases.current(cluster)
        newest = partial(context.deployments.recent_without_hosts, cluster, len(recent) or 1)
        recent, _unreadable = readable(newest, recent)
        named, _unreadable = readable(partial(named_deployment, context, cluster, desired, recent), None)
        if lease == before and nobodys(cluster, desired, named, recent, lease):
            return DesiredVersion(desired, named, found)
    return DesiredVersion(desired, named, None)


def named_deployment(
    context: Context, cluster: Cluster, desired: Desired | None, recent: Sequence[Deployment]
) -> Deployment | None:
    """Return the record of the deployment that the desired version names, if there is one."""
    if desired is None or not desired.deployment:
        return None
    known = next((each for each in recent if each.id == desired.deployment), None)
    return known or context.deployments.get(cluster, desired.deployment)

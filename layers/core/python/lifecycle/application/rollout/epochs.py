"""The epochs of a cluster, read from every record that has one.

Called before the lease is taken (plan.py, rollback.py), so that an epoch is never given twice.
"""

from collections.abc import Sequence
from dataclasses import replace

from lifecycle.application.context import Context
from lifecycle.application.readable import readable
from lifecycle.application.rollout.desired_version import named_deployment
from lifecycle.application.rollout.observe import RECENT_LIMIT
from lifecycle.domain.errors import StoreRefused
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.rollout.deployment import Deployment
from lifecycle.domain.rollout.epochs import Epochs, highest_of_others, recorded_epochs
from lifecycle.domain.rollout.lease import Lease

# A lease that is lost each time must not hold a plan for ever. Its stages check the lease again.
CLAIMS = 5


def recorded(context: Context, cluster: Cluster) -> Epochs:
    """Return the epochs of the desired version, reports, commands and deployments; the lease is left out.

    A record that cannot be read must not stop a rollback. The other records have its epoch too.
    """
    desired, deployments = _desired(context, cluster), _recent(context, cluster)
    named, _ = readable(lambda: named_deployment(context, cluster, desired, deployments), None)
    reports, (commands, _) = context.fleet.reports(cluster), readable(lambda: context.fleet.turn_epochs(cluster), {})
    return recorded_epochs(desired, reports, commands, deployments, named)


def claimed(context: Context, deployment: Deployment, lease: Lease) -> Lease:
    """Return the lease of a deployment under an epoch that it shares with none; raises LeaseHeld.

    The lease may have been lost since it was taken, and another plan may have taken it under the same epoch. So each
    records its claim, and then reads those of the others: the later one sees the other's, and takes a higher epoch.
    A deployment that has ended meanwhile claims nothing.
    """
    cluster, name = deployment.cluster, deployment.id
    for _ in range(CLAIMS):
        if not _claims(context, deployment, lease):
            return lease
        others = highest_of_others(name, _recent(context, cluster))
        newest = max(lease.epoch, others + 1)
        held = context.leases.acquire(cluster, name, context.clock.now(), newest)
        if held.epoch == lease.epoch:
            return held
        lease = held
    return lease


def _claims(context: Context, deployment: Deployment, lease: Lease) -> bool:
    known = context.deployments.get(deployment.cluster, deployment.id) or deployment
    if known.state.final or known.epoch == lease.epoch:
        return False
    return context.deployments.put(replace(known, claimed=lease.epoch))


def _recent(context: Context, cluster: Cluster) -> Sequence[Deployment]:
    found, _ = readable(lambda: context.deployments.recent_without_hosts(cluster, RECENT_LIMIT), ())
    return found


def _desired(context: Context, cluster: Cluster) -> Desired | None:
    try:
        return context.registry.desired(cluster)
    except StoreRefused:  # also one of the store, since this stands before a rollback
        return None

"""The epochs of a cluster, read from every record that has one.

Called before the lease is taken (plan.py, rollback.py), so that an epoch is never given twice.
"""

from lifecycle.application.context import Context
from lifecycle.application.readable import readable
from lifecycle.application.rollout.observe import RECENT_LIMIT
from lifecycle.domain.errors import StoreRefused
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.rollout.epochs import Epochs, recorded_epochs


def recorded(context: Context, cluster: Cluster) -> Epochs:
    """Return the epochs of the desired version, reports, commands and deployments; the lease is left out.

    A record that cannot be read must not stop a rollback. The other records have its epoch too.
    """
    desired = _desired(context, cluster)
    deployments, _ = readable(lambda: context.deployments.recent_without_hosts(cluster, RECENT_LIMIT), ())
    return recorded_epochs(desired, context.fleet.reports(cluster), context.fleet.turn_epochs(cluster), deployments)


def _desired(context: Context, cluster: Cluster) -> Desired | None:
    try:
        return context.registry.desired(cluster)
    except StoreRefused:  # also one of the store, since this stands before a rollback
        return None

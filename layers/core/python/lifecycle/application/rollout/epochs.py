"""The epochs of a cluster, read from every record that has one.

Called before the lease is taken (plan.py, rollback.py), so that an epoch is never given twice.
"""

from lifecycle.application.context import Context
from lifecycle.application.rollout.observe import RECENT_LIMIT
from lifecycle.domain.errors import StoreRefused
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.rollout.epochs import Epochs, recorded_epochs


def recorded(context: Context, cluster: Cluster) -> Epochs:
    """Return the epochs of the desired version, reports, commands and deployments; the lease is left out."""
    return recorded_epochs(
        _desired(context, cluster),
        context.fleet.reports(cluster),
        context.fleet.turn_epochs(cluster),
        context.deployments.recent_without_hosts(cluster, RECENT_LIMIT),
    )


def _desired(context: Context, cluster: Cluster) -> Desired | None:
    """Return the desired version; None if it cannot be read, since that must not stop a rollback."""
    try:
        return context.registry.desired(cluster)
    except StoreRefused:
        return None

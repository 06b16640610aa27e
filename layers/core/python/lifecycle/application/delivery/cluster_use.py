"""The versions that a cluster uses, as the ledger, the registry and the hosts say.

Read by collect_garbage.py before it deletes a version, and by withdraw_release.py.
"""

from lifecycle.application.context import Context
from lifecycle.domain.delivery.retention import ClusterUse, Unreadable
from lifecycle.domain.errors import InvalidValue, StoreRefused
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.host import UnreadableReport
from lifecycle.domain.rollout.lease import UnreadableLease


def read_use(
    context: Context, cluster: Cluster, limit: int, before: ClusterUse | Unreadable | None = None
) -> ClusterUse | Unreadable:
    """Return the use by a cluster, with its newest deployments, at most `limit`, and the older ones of `before`."""
    try:
        return _read(context, cluster, limit, before if isinstance(before, ClusterUse) else None)
    except (StoreRefused, InvalidValue) as error:
        return Unreadable(cluster, str(error))


def _read(context: Context, cluster: Cluster, limit: int, before: ClusterUse | None) -> ClusterUse:
    # A request moves through these places in this order: if it leaves one between two reads, the next shows
    # it.
    pending = context.queue.waiting(cluster)
    lease = context.leases.current(cluster)
    desired = context.registry.desired(cluster)
    newest = context.deployments.recent(cluster, limit)
    names = {each.id for each in newest}
    older = [each for each in before.deployments if each.id not in names] if before else []
    reports = context.fleet.reports(cluster)
    for found in (lease, *reports.values()):
        if isinstance(found, UnreadableLease | UnreadableReport):
            raise StoreRefused(found.why)
    return ClusterUse(
        cluster=cluster,
        desired=desired,
        lease=lease,
        waiting=pending.request.version if pending else None,
        deployments=[*newest, *older],
        complete=before.complete if before else len(newest) < limit,
        reports=reports,
        quarantined=context.fleet.quarantined(cluster),
    )

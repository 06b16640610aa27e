"""A cluster without a stack: people are notified once, and then weekly, until it is forgotten or deployed again.

Called by converge.py when it does not find the load balancer of a cluster.
"""

from lifecycle.application.context import Context
from lifecycle.application.convergence.report_once import Finding, report_once
from lifecycle.domain.errors import LifecycleError, Unknown
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.monitoring.audit import AuditEntry, AuditKind


def report_gone(context: Context, cluster: Cluster) -> bool:
    """Write an audit entry about a cluster whose stack does not exist; return whether it is such a cluster.

    What cannot be read or written now is reported at the next convergence.
    """
    try:
        _ = context.dispatcher.targets(cluster)  # only whether there is a load balancer
    except Unknown:
        what = f"found no stack of {cluster}"
        forget = f"lifecycle forget-cluster {cluster.service} -e {cluster.environment} --why '...'"
        why = f"a version is desired there. Deploy the stack again, or remove what is known of it: {forget}"
        entry = AuditEntry(context.clock.now(), str(cluster), what, "lifecycle", why, kind=AuditKind.HAND_MADE)
        try:
            report_once(context, cluster, [Finding(entry, lambda each: (each.kind, each.what) == (entry.kind, what))])
        except LifecycleError:
            return True
        return True
    except LifecycleError:
        return False
    return False

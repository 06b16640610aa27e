"""The protection of an Auto Scaling group's instances from Auto Scaling itself.

Called by the plan of a deployment, and by convergence, which ends it once no deployment holds the lease.
"""

from contextlib import suppress

from lifecycle.application.context import Context
from lifecycle.domain.errors import LifecycleError
from lifecycle.domain.fleet.cluster import Cluster


def protect_at_work(context: Context, cluster: Cluster) -> None:
    """Keep a smaller group from ending hosts that a deployment works on; a failure stops no deployment.

    Whatever Auto Scaling ends is drained by its hook, so this saves work, and no request depends on it.
    """
    with suppress(LifecycleError):
        context.machines.guard(cluster, at_work=True)


def guard_as_needed(context: Context, cluster: Cluster) -> None:
    """Protect the instances while a deployment holds the lease; else let a smaller group end them."""
    context.machines.guard(cluster, at_work=bool(context.leases.current(cluster).deployment))

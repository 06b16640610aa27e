"""The capacity check of a drain in a large cluster, from the rollout's checkpoint.

Called by stages.py before it reads the reports of every host.
"""

from lifecycle.application.context import Context
from lifecycle.domain.fleet.target_group import Group, TargetState
from lifecycle.domain.rollout.checkpoint import leaves_enough
from lifecycle.domain.rollout.deployment import Deployment


def state_if_enough_serve(context: Context, deployment: Deployment, host: str, attempt: int) -> TargetState | None:
    """Return the state of a host that may be drained; None where the caller must read every host.

    Everything is read afresh but for the checkpoint's own counts, which the fingerprints of now confirm.
    """
    cluster = deployment.cluster
    if deployment.host_count < context.checkpoint_from:
        return None
    checkpoint = context.deployments.checkpoint(deployment.id)
    if checkpoint is None or checkpoint.baseline is None:
        return None
    return leaves_enough(
        checkpoint,
        (host, attempt),
        context.dispatcher.members(cluster, Group.MAIN),
        context.fleet.names(cluster),
        context.fleet.quarantined_hosts(cluster),
    )

"""The end of a deployment: its record is closed, its hosts stand down, the lease is freed or handed over.

Called by functions/rollout/finish and functions/rollout/roll_back.
"""

from dataclasses import dataclass, replace

from lifecycle.application.context import Context
from lifecycle.application.rollout import observe, queue
from lifecycle.application.rollout.host_commands import cancel_turns
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.rollout.decision import hosts_left_out
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState
from lifecycle.domain.rollout.lease import Lease


@dataclass(frozen=True, slots=True)
class Finished:
    """How the deployment ended."""

    outcome: str
    reason: str


def finish(context: Context, cluster: Cluster, name: str, outcome: DeploymentState, reason: str) -> Finished:
    """Close the deployment; a stale one is only recorded. Safe to repeat. Raises Unknown."""
    current = observe.deployment(context, cluster, name)
    if current.state.final:  # closed before; a crash may have left the lease
        context.leases.release(cluster, Lease(current.epoch, current.id))
        queue.start_or_drop_after(context, cluster, current)
        return Finished(current.state, current.reason)
    context.record(cluster, outcome.lower().replace("_", " "), "lifecycle", reason, deployment=name)
    lease = Lease(current.epoch, current.id)
    if outcome is not DeploymentState.STALE:
        restore_desired(context, current, outcome)
    cancel_turns(context, current)
    aside = hosts_left_out(
        tuple(context.deployments.attempts(name)), tuple(context.deployments.questions(name))
    )
    closed = replace(
        current,
        state=outcome,
        reason=reason,
        finished_at=current.finished_at or context.clock.now(),
        skipped_hosts=tuple(sorted(aside | set(current.skipped_hosts))),
    )
    context.deployments.put(closed)
    context.leases.release(cluster, lease)
    queue.start_or_drop_after(context, cluster, closed)
    return Finished(outcome, reason)


def restore_desired(context: Context, current: Deployment, outcome: DeploymentState) -> None:
    """A deployment that ended before its first host leaves the desired version as it was.

    Unless another call of this one ended it meanwhile, and the cluster is somebody else's to say by now.
    """
    previous = current.previous
    if outcome is DeploymentState.DONE or previous is None or context.deployments.attempts(current.id):
        return
    last = next(
        (d for d in observe.recent_deployments(context, current.cluster) if d.target == previous), None
    )
    lease = context.leases.current(current.cluster)
    if not lease.is_held_by(current.id, current.epoch):
        return
    context.registry.set_desired(
        current.cluster,
        Desired(previous.version, previous.digest, current.epoch, last.id if last else current.id),
    )

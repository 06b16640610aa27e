"""The end of a deployment: its record is closed, its hosts stand down, the lease is freed or handed over.

Called by functions/rollout/finish and functions/rollout/roll_back.
"""

from dataclasses import dataclass, replace

from lifecycle.application.context import World
from lifecycle.application.rollout import observe, queue
from lifecycle.application.rollout.host_commands import leave_hosts
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.rollout.decision import given_up
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState
from lifecycle.domain.rollout.lease import Lease


@dataclass(frozen=True, slots=True)
class Finished:
    """How the deployment ended."""

    outcome: str
    reason: str


def finish(world: World, cluster: Cluster, name: str, outcome: DeploymentState, reason: str) -> Finished:
    """Close the deployment; a stale one is only recorded. Safe to repeat. Raises Unknown."""
    current = observe.deployment(world, cluster, name)
    if current.state.final:  # closed before; a crash may have left the lease
        world.leases.release(cluster, Lease(current.epoch, current.id))
        queue.after(world, cluster, current)
        return Finished(current.state, current.reason)
    world.tell(cluster, outcome.lower().replace("_", " "), "lifecycle", reason, deployment=name)
    lease = Lease(current.epoch, current.id)
    if outcome is not DeploymentState.STALE:
        leave_untouched(world, current, outcome)
    leave_hosts(world, current)
    aside = given_up(tuple(world.deployments.attempts(name)), tuple(world.deployments.questions(name)))
    closed = replace(
        current,
        state=outcome,
        reason=reason,
        finished_at=current.finished_at or world.clock.now(),
        set_aside=tuple(sorted(aside | set(current.set_aside))),
    )
    world.deployments.put(closed)
    world.leases.release(cluster, lease)
    queue.after(world, cluster, closed)
    return Finished(outcome, reason)


def leave_untouched(world: World, current: Deployment, outcome: DeploymentState) -> None:
    """A deployment that ended before its first host leaves the desired version as it was.

    Unless another call of this one ended it meanwhile, and the cluster is somebody else's to say by now.
    """
    previous = current.previous
    if outcome is DeploymentState.DONE or previous is None or world.deployments.attempts(current.id):
        return
    last = next((d for d in observe.remembered(world, current.cluster) if d.target == previous), None)
    lease = world.leases.current(current.cluster)
    if (lease.deployment, lease.epoch) != (current.id, current.epoch):
        return
    world.registry.set_desired(
        current.cluster,
        Desired(previous.version, previous.digest, current.epoch, last.id if last else current.id),
    )

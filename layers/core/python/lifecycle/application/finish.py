"""The end of a deployment: its record is closed, its hosts stand down, the lease is freed or handed over.

Called by functions/finish and functions/roll_back.
"""

from dataclasses import dataclass, replace

from lifecycle.application import observe, queueing
from lifecycle.application.requests import Payload, payload
from lifecycle.application.turns import stand_down
from lifecycle.application.world import World
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.rollout.decision import given_up
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState, Kind, Request, deployment_id
from lifecycle.domain.rollout.lease import Lease


@dataclass(frozen=True, slots=True)
class Finished:
    """How the deployment ended."""

    outcome: str
    reason: str


@dataclass(frozen=True, slots=True)
class Heir:
    """The input of the execution that rolls back."""

    input: Payload


def finish(world: World, cluster: Cluster, name: str, outcome: DeploymentState, reason: str) -> Finished:
    """Close the deployment; a stale one is only recorded. Safe to repeat. Raises Unknown."""
    current = observe.deployment(world, cluster, name)
    if current.state.final:  # closed before; a crash may have left the lease
        world.leases.release(cluster, Lease(current.epoch, current.id))
        queueing.after(world, cluster, current)
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
    queueing.after(world, cluster, closed)
    return Finished(outcome, reason)


def leave_hosts(world: World, current: Deployment) -> None:
    """No turn of this deployment is begun any more, not even by an agent that was away.

    Turns of a newer epoch stand: an overtaken deployment may do this too.
    """
    hosts = sorted(set(current.hosts) | set(world.fleet.reports(current.cluster)))
    turns = [stand_down(current, host, world.clock.now()) for host in hosts]
    world.fleet.give_turns(current.cluster, turns)


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


def hand_over(world: World, cluster: Cluster, name: str, reason: str) -> Heir:
    """Pass the lease on to a rollback of this deployment, and close it; safe to repeat.

    The rollback's name is made from this one's, so that a repeat names the same rollback. Raises Unknown,
    and StaleEpoch when another deployment took the lease.
    """
    current = observe.deployment(world, cluster, name)
    if current.previous is None:
        message = f"expected {name} to have a previous version"
        raise ValueError(message)
    heir = Request(
        deployment=deployment_id(cluster, current.started_at, f"{name.rsplit('-', 1)[1]}r"),
        service=cluster.service,
        environment=cluster.environment,
        version=current.previous.version,
        requested_by=_decided_by(world, name),
        reason=reason,
        kind=Kind.ROLLBACK,
        rollback_of=name,
    )
    now = world.clock.now()
    _record_heir(world, current, heir)
    world.leases.hand_over(cluster, Lease(current.epoch, current.id), heir.deployment, now)
    leave_hosts(world, current)
    closed = replace(current, state=DeploymentState.ROLLED_BACK, reason=reason, finished_at=now)
    world.deployments.put(closed)
    return Heir(payload(heir))


def _record_heir(world: World, current: Deployment, heir: Request) -> None:
    """Before it has the lease: whoever finds the lease with nobody at work knows what is to be begun."""
    if current.previous is None or world.deployments.get(heir.cluster, heir.deployment) is not None:
        return
    reason = f"takes over from {current.id}"
    world.deployments.put(
        Deployment.not_begun(heir, current.previous, current.policy, world.clock.now(), reason)
    )


def _decided_by(world: World, name: str) -> str:
    """Who asked for the rollback: whoever answered last."""
    answers = [q.answer for q in world.deployments.questions(name) if q.answer]
    return max(answers, key=lambda a: a.at).by if answers else "lifecycle"

"""The end of a deployment: close its record, cancel its commands, free the lease, start what is pending.

Called by functions/rollout/finish, and by convergence for deployments that ended outside their state machine.
"""

from dataclasses import dataclass, replace

from lifecycle.application.context import Context
from lifecycle.application.readable import readable
from lifecycle.application.rollout import observe, queue
from lifecycle.application.rollout.host_commands import cancel_turns, cancel_turns_until
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.rollout.decision import hosts_left_out
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState
from lifecycle.domain.rollout.lease import Lease


@dataclass(frozen=True, slots=True)
class Finished:
    """The end of a deployment: its final state and the reason."""

    outcome: str
    reason: str


def finish(
    context: Context, cluster: Cluster, name: str, outcome: DeploymentState, reason: str, execution: str = ""
) -> Finished:
    """Close the deployment; for a STALE one, only its record changes. Safe to repeat. Raises Unknown.

    Nothing changes where `execution` asks for it, and another one carries the deployment now: one that was
    redriven would close it with an outcome of before.
    """
    current = observe.deployment(context, cluster, name)
    if another := current.carried_by_another(execution):
        return Finished("CONTINUED", another)
    if current.state.final:  # closed before; a crash may have left the lease
        _ = context.leases.release(cluster, Lease(current.epoch, current.id))  # not held: freed before, or fenced
        queue.start_or_drop_after(context, cluster, current)
        return Finished(current.state, current.reason)
    context.record_action(cluster, name, outcome.lower().replace("_", " "), reason)
    if not current.epoch and (held := context.leases.current(cluster)).deployment == name:
        current = replace(current, epoch=held.epoch)  # its plan was lost once it had the lease
        cancel_turns_until(context, cluster, held.epoch, name)
    lease = Lease(current.epoch, current.id)
    if outcome is not DeploymentState.STALE:
        current = restore_desired(context, current, outcome)
    cancel_turns(context, current)
    skipped = hosts_left_out(tuple(context.deployments.attempts(name)), tuple(context.deployments.questions(name)))
    closed = replace(
        _with_its_write(context, current),
        state=outcome,
        reason=reason,
        finished_at=current.finished_at or context.clock.now(),
        skipped_hosts=tuple(sorted(skipped | set(current.skipped_hosts))),
    )
    if not context.deployments.put(closed):  # another call has closed it in another state
        closed = observe.deployment(context, cluster, name)
    _ = context.leases.release(cluster, lease)  # not held: freed before, or fenced
    queue.start_or_drop_after(context, cluster, closed)
    return Finished(closed.state, closed.reason)


def _with_its_write(context: Context, current: Deployment) -> Deployment:
    """Confirm a write of the desired version whose call was lost before it recorded that the write was done."""
    writes = current.known_writes
    if not writes.intended or writes.confirmed >= current.epoch:
        return current
    desired, _ = readable(lambda: context.registry.desired(current.cluster), None)
    return current.confirming(desired) if desired and desired in writes.intended else current


def restore_desired(context: Context, current: Deployment, outcome: DeploymentState) -> Deployment:
    """Restore the desired version of before, for a deployment that ended before its first host; returns its record.

    Nothing happens if it wrote none, or if another call has ended it meanwhile: another deployment may own the
    cluster by then.
    """
    previous = current.previous
    wrote_nothing = current.writes is not None and not current.writes.intended
    if outcome is DeploymentState.DONE or previous is None or wrote_nothing:
        return current
    if observe.changed_a_host(context, current):
        return current
    recent = observe.recent_deployments(context, current.cluster)
    # Not a newer one of the same version, which is pending or was refused: it has written nothing.
    last = next((d for d in recent if observe.verifies(d) and d.target == previous), None)
    lease = context.leases.current(current.cluster)
    recorded = observe.deployment(context, current.cluster, current.id)
    if not lease.is_held_by(current.id, current.epoch):
        return replace(current, writes=recorded.writes)  # another call may have restored it and freed the lease
    given_back = Desired(
        previous.version,
        previous.digest,
        current.epoch,
        last.id if last else current.id,
        previous.config,
        previous.manifest,
    )
    # First: if this call or the lease is lost in between, the record explains what the registry has.
    if not context.deployments.put(recorded.intending(given_back)):
        # Another call has ended it, and its record has what that call wrote.
        return replace(current, writes=observe.deployment(context, current.cluster, current.id).writes)
    if not context.leases.current(current.cluster).is_held_by(current.id, current.epoch):
        return replace(current, writes=recorded.intending(given_back).writes)
    context.registry.set_desired(current.cluster, given_back)
    return replace(current, writes=recorded.confirming(given_back).writes)

"""The plan of a deployment: check that it may begin, take the cluster's lease, and set the desired version.

Called by functions/rollout/plan, the first state of statemachines/rollout.asl.json. `preview` is called by
`lifecycle plan`.
"""

from dataclasses import dataclass, replace

from lifecycle.application.context import Context
from lifecycle.application.readable import readable
from lifecycle.application.rollout import epochs, observe, queue
from lifecycle.application.rollout.desired_version import read_desired
from lifecycle.application.rollout.finish import finish, restore_desired
from lifecycle.application.rollout.former_holders import close_former_holders
from lifecycle.application.rollout.guard_machines import protect_at_work
from lifecycle.application.rollout.host_commands import cancel_turns, cancel_turns_until, give_turns, prefetch
from lifecycle.application.rollout.strays import take_out_strays
from lifecycle.application.rollout.supersede import is_automatic
from lifecycle.application.rollout.wait import SUPERSEDED, wait, waited_too_long
from lifecycle.application.rollout.withdrawn import withdrawn_before
from lifecycle.domain.errors import CallFailed, InvalidValue, LeaseHeld, Refused, StoreRefused, Unknown
from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.listing import listed
from lifecycle.domain.rollout.actions import Ruling, plan_permission
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState, Kind, Override, Request, is_ahead
from lifecycle.domain.rollout.desired_writes import NO_WRITES
from lifecycle.domain.rollout.earlier_environment import unexplained
from lifecycle.domain.rollout.execution import ExecutionState, execution_number
from lifecycle.domain.rollout.lease import Lease
from lifecycle.domain.rollout.plan import Plan, plan
from lifecycle.domain.rollout.release import planned_release
from lifecycle.domain.service.commits import note_of
from lifecycle.domain.service.target import Target


@dataclass(frozen=True, slots=True)
class Planned:
    """The result: PLANNED, QUEUED, NOTHING_TO_DO or REFUSED; with the cluster, which the input does not name."""

    kind: str
    epoch: int
    reason: str
    service: str = ""
    environment: str = ""


def preview(context: Context, request: Request) -> Plan:
    """Plan the deployment without changing anything; raises Unknown, and Refused for a withdrawn release."""
    return plan(request, observe.observed(context, request), context.clock.now(), context.heartbeat_timeout)


def begin(context: Context, request: Request, execution: str) -> Planned:
    """Begin the deployment, or resume it if it began before; records every refusal with its reasons.

    Raises StoreRefused or CallFailed if a store does not answer while the deployment holds the lease already, and
    CallFailed if it does not answer for now. The state machine then calls this again.
    """
    try:
        cluster = request.cluster
    except InvalidValue as error:
        return Planned("REFUSED", 0, str(error))
    existing = context.deployments.get(cluster, request.deployment)
    if refused := _second_execution(existing, execution) if existing else _named_ahead(context, request):
        return refused
    if existing is not None and existing.state is not DeploymentState.QUEUED:
        return _resume(context, existing, execution)
    if existing is not None and existing.target.digest:
        # It was recorded with the revision that was the newest then, and agents may have prefetched for it.
        request = replace(request, config=existing.target.config)
    if (lease := context.leases.current(cluster)).deployment == request.deployment:
        # A call that was lost after it took the lease, or a rollback. However this plan ends, they end first.
        close_former_holders(context, request, lease, lease)
    try:
        found = preview(context, request)
    except (InvalidValue, Refused, Unknown) as error:
        return _refuse(context, request, [str(error)])
    except (StoreRefused, CallFailed) as error:
        passing = isinstance(error, CallFailed) and error.temporary
        if passing or context.leases.current(cluster).deployment == request.deployment:
            raise
        if observe.was_handed_over(context, request):
            raise  # a rollback that was decided must not be dropped, also if its lease was lost
        return _refuse(context, request, [str(error)])
    return _begin_planned(context, request, execution, found)


def _begin_planned(context: Context, request: Request, execution: str, found: Plan) -> Planned:
    if reasons := [*found.blockers, *unexplained(request, found.earlier)]:
        return _wait_or_refuse(context, request, execution, found, reasons)
    desired, _ = readable(lambda: context.registry.desired(request.cluster), None)
    if plan_permission(found, request.kind, only=request.only).ruling is Ruling.NEEDLESS:
        why = f"every host of {request.cluster} serves {request.version} already"
        queue.close_pending(context, request, DeploymentState.REFUSED, why)
        return Planned("NOTHING_TO_DO", 0, why)
    if context.executions.rollout_state(execution) in (ExecutionState.STOPPED, ExecutionState.ENDED):
        # Nothing would carry the deployment on: this is a late copy of a call.
        return Planned("REFUSED", 0, f"the execution {execution} has ended, so it begins nothing")
    if found.waits_for:
        return _take_slot(context, request, execution, found)
    return _take_lease(context, request, execution, found, desired)


def _wait_or_refuse(context: Context, request: Request, execution: str, found: Plan, reasons: list[str]) -> Planned:
    """Refuse a blocked deployment. An automatic one waits for what passes: nobody would request it again.

    It is decided on the same observation that found it blocked. An agent may be unreachable for a moment only.
    """
    if not found.passes or not is_automatic(context, request):
        return _refuse(context, request, reasons)
    if late := waited_too_long(context, request, "; ".join(reasons)):
        return _refuse(context, request, [late])
    kind, why = wait(context, request, execution, "; ".join(reasons))
    return Planned(kind, 0, why)


def _second_execution(existing: Deployment | None, execution: str) -> Planned | None:
    """Refuse an execution that somebody started or redrove by hand beside the deployment's own."""
    if existing is None or not (another := existing.carried_by_another(execution)):
        return None
    again = f"if that one has ended, `lifecycle converge {existing.cluster.service}` continues the deployment"
    return Planned("REFUSED", 0, f"{another}; {again}")


def _named_ahead(context: Context, request: Request) -> Planned | None:
    """Refuse a deployment whose name has a future time."""
    if not is_ahead(request.deployment, now := context.clock.now()):
        return None
    why = f"the name {request.deployment} has a time that is ahead of {now:%Y-%m-%d %H:%M} UTC"
    return Planned("REFUSED", 0, f"{why}; set the clock, or name the deployment after the present time")


def _resume(context: Context, existing: Deployment, execution: str) -> Planned:
    """Continue a deployment in this execution, under a higher epoch if its lease was lost."""
    cluster = existing.cluster
    if existing.state.final:
        return _has_ended(existing)
    lease, recorded = context.leases.current(cluster), epochs.recorded(context, cluster)
    if recorded.established.epoch > existing.epoch:
        return _fenced(context, existing, recorded.established.way_out(existing.epoch, existing.id))
    found_by_hand = _record_hand_made(context, existing, lease) if recorded.changed_by_hand else ""
    current = existing
    if lease.was_lost(existing.id, existing.epoch):
        why = f"the lease of {cluster} was deleted or set back to epoch {lease.epoch}"
        context.record_action(cluster, existing.id, "take the lost lease again", why)
        try:
            lease = context.leases.acquire(cluster, existing.id, context.clock.now(), recorded.highest)
            lease = epochs.claimed(context, existing, lease)
        except LeaseHeld as error:
            return _fenced(context, existing, str(error))
        current = replace(existing, epoch=lease.epoch, claimed=lease.epoch, writes=existing.known_writes)
        current = _intending_again(current)
    if execution_number(execution) > execution_number(existing.execution):
        context.record_action(cluster, existing.id, f"go on in {execution}", f"after {existing.execution}")
        current = replace(current, execution=execution)
    if current != existing and not context.deployments.put(current):
        _ = context.leases.release(cluster, Lease(current.epoch, current.id))  # not held: somebody has freed it
        return begin(context, existing.request, execution)  # it has ended, or another call has resumed it
    if _write_desired_again(context, current) and current.known_writes.confirmed < current.epoch:
        _ = context.deployments.put(current.confirming(current.desired))  # refused: it has ended since
    queue.clear_slot(context, existing.request)
    return Planned("PLANNED", current.epoch, f"{existing.id} continues in execution {execution}{found_by_hand}")


def _record_hand_made(context: Context, existing: Deployment, lease: Lease) -> str:
    """Record that a person changed the desired version meanwhile; returns the end of a sentence about it.

    The deployment goes on with its own version, which was approved. Convergence then holds the cluster.
    """
    cluster = existing.cluster
    found = read_desired(context, cluster, lease, observe.recent_deployments(context, cluster)).nobodys
    if found is None:
        return ""
    context.record_action(cluster, existing.id, "found the desired version changed by hand", found.held)
    return f"; {found.held}"


def _intending_again(current: Deployment) -> Deployment:
    """Return the record to put before `_write_desired_again`; a repair that wrote nothing writes nothing now."""
    wrote = current.known_writes.intended or not current.request.only
    return current.intending(current.desired) if wrote else current


def _write_desired_again(context: Context, current: Deployment) -> bool:
    """Give the desired version the deployment's new epoch, unless a person changed it; return whether it has it.

    An earlier call may have been lost between the record of that epoch and this. A deployment that is fenced now
    may have written its own version while the lease was lost.
    """
    mine = current.desired
    desired, _ = readable(lambda: context.registry.desired(current.cluster), None)
    if desired is None or desired.epoch >= mine.epoch:
        return desired == mine
    ours = replace(desired, epoch=mine.epoch) == mine or _is_of_a_fenced_one(context, current, desired)
    if ours:
        context.registry.set_desired(current.cluster, mine)
    return ours


def _is_of_a_fenced_one(context: Context, current: Deployment, desired: Desired) -> bool:
    if current.request.only or desired.deployment == current.id:
        return False
    other, _ = readable(lambda: context.deployments.get(current.cluster, desired.deployment), None)
    return other is not None and desired in other.known_writes.intended


def _has_ended(ended: Deployment) -> Planned:
    kind = "REFUSED" if ended.state is not DeploymentState.DONE else "NOTHING_TO_DO"
    return Planned(kind, ended.epoch, f"{ended.id} has ended: {ended.state}, {ended.reason}")


def _fenced(context: Context, existing: Deployment, why: str) -> Planned:
    """Close a deployment as STALE: a newer one was here, although the ledger does not know it any more."""
    ended = finish(context, existing.cluster, existing.id, DeploymentState.STALE, why)
    return Planned("REFUSED", existing.epoch, f"{existing.id} has ended: {ended.outcome}, {ended.reason}")


def _refuse(context: Context, request: Request, reasons: list[str]) -> Planned:
    begun = context.deployments.get(request.cluster, request.deployment)
    if begun is not None and begun.state is not DeploymentState.QUEUED:
        return _resume(context, begun, begun.execution)  # a call that seemed lost has begun it meanwhile
    why = "; ".join(reasons)
    context.record_request(request, f"refused {request.version}", why)
    _ = queue.record_refused(context, request, why)  # refused: it has ended in another way
    lease = context.leases.current(request.cluster)
    if lease.deployment == request.deployment:  # it was handed over to a rollback, or a plan is repeated
        _restore_desired(context, request, lease)
        _ = context.leases.release(request.cluster, lease)  # not held: another call has freed it
    return Planned("REFUSED", 0, why)


def _restore_desired(context: Context, request: Request, lease: Lease) -> None:
    """Restore the desired version if it names this deployment, which is refused after all."""
    desired, _ = readable(lambda: context.registry.desired(request.cluster), None)
    record = context.deployments.get(request.cluster, request.deployment)
    if record is not None and desired is not None and desired.deployment == request.deployment:
        restore_desired(context, replace(record, epoch=lease.epoch), DeploymentState.REFUSED)


def _take_slot(context: Context, request: Request, execution: str, found: Plan) -> Planned:
    """Wait for the lease in the pending slot.

    If the lease has become free meanwhile, nothing else would start this deployment. Then it is planned again.
    """
    record = _record(context, request, execution, found)
    reason = f"waits for {found.waits_for}, which is deploying {request.cluster}"
    if not queue.take_slot(context, replace(record, state=DeploymentState.QUEUED, reason=reason)):
        return Planned("REFUSED", 0, SUPERSEDED)
    if withdrawn := withdrawn_before(context, request):
        return _refuse(context, request, [withdrawn])
    lease = context.leases.current(request.cluster)
    if lease.held_by_another(request.deployment, context.clock.now()):
        return Planned("QUEUED", 0, reason)
    return begin(context, request, execution)


def _take_lease(  # noqa: C901, PLR0911, PLR0912 (each write may be refused)
    context: Context, request: Request, execution: str, found: Plan, desired: Desired | None
) -> Planned:
    """Take the lease and begin.

    The order is: record, lease, quarantine of a rolled back version, desired version, prefetch commands,
    record again. Each is safe to repeat.
    """
    cluster = request.cluster
    _ = take_out_strays(context, cluster, found.strays)  # those that are held are in the plan's warnings
    now = context.clock.now()
    replaced = _record_replacement(context, request)
    _record_start(context, request)
    before = context.leases.current(cluster)
    established = found.epochs.established
    if before.deployment == request.deployment and before.epoch < established.epoch:
        return _refuse(context, request, [established.way_out(before.epoch, request.deployment)])
    record = _record(context, request, execution, found)
    begins = replace(record, state=DeploymentState.QUEUED, reason="is about to begin")
    # If this call is lost after it took the lease, convergence needs the record to resume the deployment.
    if context.deployments.get(cluster, request.deployment) is None and not context.deployments.put(begins):
        return begin(context, request, execution)  # another call has begun it, or it was cancelled
    if withdrawn := withdrawn_before(context, request):
        return _refuse(context, request, [withdrawn])
    if before.has_expired(now) and before.deployment != request.deployment:
        # This call may be lost once it has the lease; then nothing else would end the former holder's commands soon.
        cancel_turns_until(context, cluster, before.epoch, request.deployment)
    try:
        lease = epochs.claimed(context, begins, _acquire(context, request, before, found))
    except LeaseHeld as error:
        if request.kind is Kind.DEPLOY:
            return _take_slot(context, request, execution, replace(found, waits_for=error.holder))
        return _refuse(context, request, [str(error)])
    began = context.deployments.get(cluster, request.deployment) or begins
    has_begun = began.epoch == lease.epoch or began.known_writes.intended
    if has_begun and (refused := _second_execution(began, execution)):
        return refused  # two executions planned at once, and the other was faster
    protect_at_work(context, cluster)
    if before.deployment or before.epoch + 1 < lease.epoch:  # free, but others may be open if it was set back
        close_former_holders(context, request, before, lease)
    deployment = replace(record, epoch=lease.epoch, claimed=lease.epoch, writes=began.known_writes)
    if request.rollback_of:
        _quarantine(context, request, deployment.target)
    is_desired = desired is not None and not deployment.target.differs_from(desired.target)
    if not request.only or (is_desired and found.desired_is_good):
        wanted = deployment.desired
        # First: if this call or the lease is lost in between, the record explains what the registry has.
        if began.state.final or not context.deployments.put(began.intending(wanted)):
            return _ended_meanwhile(context, deployment, execution)
        if not context.leases.current(cluster).is_held_by(request.deployment, lease.epoch):
            return begin(context, request, execution)  # lost since; another deployment may have written its own
        context.registry.set_desired(cluster, wanted)
        deployment = deployment.confirming(wanted)
    # A refused one is on record; the stage of that host fails with it.
    _ = give_turns(context, deployment, [prefetch(deployment, host, 0, now) for host in deployment.hosts])
    if not context.deployments.put(deployment):
        return _ended_meanwhile(context, deployment, execution)
    queue.clear_slot(context, request)
    names = listed([planned.host for planned in found.hosts]) or "no host"
    return Planned("PLANNED", lease.epoch, f"{names} to update, about {found.expected_seconds:.0f} s{replaced}")


def _acquire(context: Context, request: Request, before: Lease, found: Plan) -> Lease:
    """Take the lease under an epoch that no record has; raises LeaseHeld.

    The epochs are read once more under the lease. Another plan may have taken the lease after they were read
    first, and lost it to nobody. This deployment has recorded nothing under its new epoch yet.
    """
    cluster, now = request.cluster, context.clock.now()
    # The lease may be set back between its read and this, too.
    lease = context.leases.acquire(cluster, request.deployment, now, max(found.epochs.highest, before.epoch))
    recorded = epochs.recorded(context, cluster).highest
    if before.deployment == request.deployment or recorded < lease.epoch:
        return lease
    return context.leases.acquire(cluster, request.deployment, now, recorded + 1)


def _ended_meanwhile(context: Context, deployment: Deployment, execution: str) -> Planned:
    """Undo a beginning: somebody cancelled the deployment after its lease was taken.

    If another call of this plan has begun it under a higher epoch, that one is resumed.
    """
    if not observe.deployment(context, deployment.cluster, deployment.id).state.final:
        return begin(context, deployment.request, execution)
    restore_desired(context, deployment, DeploymentState.ABORTED)
    cancel_turns(context, deployment)
    _ = context.leases.release(deployment.cluster, Lease(deployment.epoch, deployment.id))  # not held: fenced
    return _has_ended(observe.deployment(context, deployment.cluster, deployment.id))


def _record(context: Context, request: Request, execution: str, found: Plan) -> Deployment:
    """Return the record of the deployment; its epoch is 0 until it has the lease."""
    earlier = context.deployments.get(request.cluster, request.deployment)
    manifest = context.artifacts.manifest(request.service, request.version, found.target.manifest)
    return Deployment(
        request=request,
        epoch=0,
        target=found.target,
        previous=found.previous,
        hosts=(*(planned.host for planned in found.hosts), *found.in_place),
        host_count=len(found.hosts) + len(found.in_place),
        policy=replace(found.policy, drain_seconds=found.drain_seconds, settle_seconds=found.settle_seconds),
        started_at=context.clock.now(),
        execution=execution,
        skipped_hosts=observe.previously_skipped_hosts(context, request),
        writes=earlier.known_writes if earlier else NO_WRITES,
        changes=note_of(found.changes, found.compare),
        release=earlier.release if earlier and earlier.release.began_at else planned_release(request, manifest),
        declared=found.declared,
        floors=found.floors,
        goes_back=found.goes_back,
        updates_all=found.updates_all,
    )


def _quarantine(context: Context, request: Request, target: Target) -> None:
    """Quarantine the version that is rolled back, or its configuration if only that is."""
    bad, _ = readable(lambda: context.deployments.get(request.cluster, str(request.rollback_of)), None)
    if bad is not None and (name := bad.target.bad_part(target)):
        why = f"rolled back by {request.requested_by} ({request.deployment})"
        why += f": {request.reason}" if request.reason else ""
        context.record_request(request, f"quarantine {name}", request.reason)
        context.fleet.quarantine(request.cluster, name, why)


def _record_replacement(context: Context, request: Request) -> str:
    """Record that an unreadable desired version is replaced; returns the end of a sentence about it."""
    _, errors = readable(lambda: context.registry.desired(request.cluster), None)
    for error in errors:
        context.record_request(request, f"replace {error.key}, which cannot be read", str(error))
    return "".join(f"; replaces {error.key}, which could not be read" for error in errors)


def _record_start(context: Context, request: Request) -> None:
    """Record the start of a deployment, and each blocker that is overridden."""
    context.record_request(request, f"{request.kind.lower()} {request.version}", request.reason)
    for override in request.overrides:
        context.record_request(request, f"override {Override(override).lower().replace('_', ' ')}", request.reason)

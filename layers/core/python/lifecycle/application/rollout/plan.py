"""Phase 5, plan: may this deployment begin, and if so, take the cluster's lease and write what is desired.

Called by functions/rollout/plan, the first state of statemachines/rollout.asl.json; `preview` by `lifecycle plan`.
"""

from dataclasses import dataclass, replace

from lifecycle.application.context import Context
from lifecycle.application.rollout import observe, queue
from lifecycle.application.rollout.finish import restore_desired
from lifecycle.application.rollout.host_commands import cancel_turns, prefetch
from lifecycle.domain.errors import InvalidValue, LeaseHeld, StoreRefused, Unknown
from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState, Kind, Override, Request
from lifecycle.domain.rollout.execution import execution_number
from lifecycle.domain.rollout.lease import Lease
from lifecycle.domain.rollout.plan import Plan, plan
from lifecycle.domain.service.target import Target


@dataclass(frozen=True, slots=True)
class Planned:
    """What the state machine branches on: PLANNED, QUEUED, NOTHING_TO_DO or REFUSED."""

    kind: str
    epoch: int
    reason: str


def preview(context: Context, request: Request) -> Plan:
    """What the deployment would do; reads only. Raises Unknown."""
    return plan(request, observe.observed(context, request), context.clock.now(), context.heartbeat_timeout)


def begin(context: Context, request: Request, execution: str) -> Planned:
    """Begin the deployment, or resume it when it began before; every refusal is recorded with its reasons.

    Raises StoreRefused where a store does not answer and the deployment has its lease already: it is begun again.
    """
    try:
        cluster = request.cluster
    except InvalidValue as error:
        return Planned("REFUSED", 0, str(error))
    existing = context.deployments.get(cluster, request.deployment)
    if existing is not None and existing.state is not DeploymentState.QUEUED:
        return _resume(context, existing, execution)
    try:
        found = preview(context, request)
    except (InvalidValue, Unknown) as error:
        return _refuse(context, request, [str(error)])
    except StoreRefused as error:
        if context.leases.current(cluster).deployment == request.deployment:
            raise
        return _refuse(context, request, [str(error)])
    return _begin_planned(context, request, execution, found)


def _begin_planned(context: Context, request: Request, execution: str, found: Plan) -> Planned:
    if found.blockers:
        return _refuse(context, request, list(found.blockers))
    desired = context.registry.desired(request.cluster)
    stands = desired is not None and desired.version == request.version
    if found.nothing_to_do and (stands or request.only) and request.kind is not Kind.ROLLBACK:
        why = f"every host of {request.cluster} serves {request.version} already"
        queue.close_pending(context, request, DeploymentState.REFUSED, why)
        return Planned("NOTHING_TO_DO", 0, why)
    if found.waits_for:
        return _wait(context, request, execution, found)
    return _take(context, request, execution, found, desired)


def _resume(context: Context, existing: Deployment, execution: str) -> Planned:
    if existing.state.final:
        kind = "REFUSED" if existing.state is not DeploymentState.DONE else "NOTHING_TO_DO"
        return Planned(kind, existing.epoch, f"{existing.id} has ended: {existing.state}, {existing.reason}")
    if execution_number(execution) > execution_number(existing.execution):
        context.deployments.put(replace(existing, execution=execution))
    queue.clear_slot(context, existing.request)
    return Planned("PLANNED", existing.epoch, f"{existing.id} goes on in execution {execution}")


def _refuse(context: Context, request: Request, reasons: list[str]) -> Planned:
    why = "; ".join(reasons)
    context.record(
        request.cluster,
        f"refused {request.version}",
        request.requested_by,
        why,
        deployment=request.deployment,
    )
    queue.close_pending(context, request, DeploymentState.REFUSED, why)
    lease = context.leases.current(request.cluster)
    if lease.deployment == request.deployment:  # a rollback that was handed the lease, or a plan done again
        _restore_desired(context, request, lease)
        context.leases.release(request.cluster, lease)
    return Planned("REFUSED", 0, why)


def _restore_desired(context: Context, request: Request, lease: Lease) -> None:
    """What is desired must not name a deployment that was refused after all."""
    desired = context.registry.desired(request.cluster)
    record = context.deployments.get(request.cluster, request.deployment)
    if record is not None and desired is not None and desired.deployment == request.deployment:
        restore_desired(context, replace(record, epoch=lease.epoch), DeploymentState.REFUSED)


def _wait(context: Context, request: Request, execution: str, found: Plan) -> Planned:
    """Wait for the lease; it may have become free just now, and then nobody else would start this.

    What was found while another deployment held it is old by then: it is planned anew.
    """
    record = _record(context, request, execution, found)
    reason = f"waits for {found.waits_for}, which deploys {request.cluster}"
    if not queue.take_slot(context, replace(record, state=DeploymentState.QUEUED, reason=reason)):
        return Planned("REFUSED", 0, "a newer deployment waits already: this one is superseded")
    lease = context.leases.current(request.cluster)
    if lease.held_by_another(request.deployment, context.clock.now()):
        return Planned("QUEUED", 0, reason)
    return begin(context, request, execution)


def _take(
    context: Context, request: Request, execution: str, found: Plan, desired: Desired | None
) -> Planned:
    """Lease, record, quarantine, desired version, stand-by turns: in this order, each safe to repeat."""
    now, cluster = context.clock.now(), request.cluster
    _record_start(context, request)
    before = context.leases.current(cluster)
    record = _record(context, request, execution, found)
    if context.deployments.get(cluster, request.deployment) is None:
        # Whoever finds the lease with nobody at work has to know what is to be begun.
        context.deployments.put(replace(record, state=DeploymentState.QUEUED, reason="is about to begin"))
    try:
        lease = context.leases.acquire(cluster, request.deployment, now)
    except LeaseHeld as error:
        if request.kind is Kind.DEPLOY:
            return _wait(context, request, execution, replace(found, waits_for=error.holder))
        return _refuse(context, request, [str(error)])
    if before.deployment not in ("", request.deployment):
        _close_expired(context, request, before.deployment)
    deployment = replace(record, epoch=lease.epoch)
    if request.rollback_of:
        _quarantine(context, request)
    if not (request.only and desired and desired.version != request.version):
        wanted = Desired(request.version, found.target.digest, lease.epoch, request.deployment)
        context.registry.set_desired(cluster, wanted)
    context.fleet.give_turns(cluster, [prefetch(deployment, host, 0, now) for host in deployment.hosts])
    context.deployments.put(deployment)
    queue.clear_slot(context, request)
    names = ", ".join(planned.host for planned in found.hosts) or "no host"
    return Planned("PLANNED", lease.epoch, f"{names} to update, about {found.expected_seconds:.0f} s")


def _record(context: Context, request: Request, execution: str, found: Plan) -> Deployment:
    """What is to be begun; its epoch is that of the lease, once it has it."""
    manifest = context.artifacts.manifest(request.service, request.version)
    return Deployment(
        request=request,
        epoch=0,
        target=Target(request.version, manifest.digest),
        previous=found.previous,
        hosts=tuple(planned.host for planned in found.hosts) + found.in_place,
        policy=manifest.policy(request.environment),
        started_at=context.clock.now(),
        execution=execution,
        skipped_hosts=observe.previously_skipped_hosts(context, request),
    )


def _close_expired(context: Context, request: Request, holder: str) -> None:
    """The holder let its lease expire: whatever it does now is stale."""
    why = f"its lease of {request.cluster} expired and was taken by {request.deployment}"
    what = f"took the expired lease of {holder}"
    context.record(request.cluster, what, request.requested_by, why, deployment=holder)
    fenced = context.deployments.get(request.cluster, holder)
    if fenced is not None and not fenced.state.final:
        cancel_turns(context, fenced)
        closed = replace(fenced, state=DeploymentState.STALE, reason=why, finished_at=context.clock.now())
        context.deployments.put(closed)


def _quarantine(context: Context, request: Request) -> None:
    """The version that is rolled back must not come back by convergence, nor by a thoughtless deploy."""
    bad = context.deployments.get(request.cluster, str(request.rollback_of))
    if bad is not None and bad.target.version != request.version:
        why = f"rolled back by {request.requested_by} ({request.deployment}): {request.reason}"
        context.record(
            request.cluster,
            f"quarantine {bad.target.version}",
            request.requested_by,
            request.reason,
            deployment=request.deployment,
        )
        context.fleet.quarantine(request.cluster, bad.target.version, why)


def _record_start(context: Context, request: Request) -> None:
    """Who began what and why, and what they chose to override."""
    who, name = request.requested_by, request.deployment
    what = f"{request.kind.lower()} {request.version}"
    context.record(request.cluster, what, who, request.reason, deployment=name)
    for override in request.overrides:
        what = f"override {Override(override).lower().replace('_', ' ')}"
        context.record(request.cluster, what, who, request.reason, deployment=name)

"""Phase 5, plan: may this deployment begin, and if so, take the cluster's lease and write what is desired.

Called by functions/plan, the first state of statemachines/rollout.asl.json; `preview` by `lifecycle plan`.
"""

from dataclasses import dataclass, replace

from lifecycle.application import observe
from lifecycle.application.turns import stand_by
from lifecycle.application.world import World
from lifecycle.domain.deployment import Deployment, DeploymentState, Desired, Kind, Request, TrailEntry
from lifecycle.domain.errors import InvalidName, LeaseHeld, StoreRefused, Unknown
from lifecycle.domain.planning import Plan, plan


@dataclass(frozen=True, slots=True)
class Planned:
    """What the state machine branches on: PLANNED, NOTHING_TO_DO or REFUSED."""

    kind: str
    epoch: int
    reason: str


def preview(world: World, request: Request) -> Plan:
    """What the deployment would do; reads only. Raises Unknown."""
    return plan(request, observe.observed(world, request), world.clock.now(), world.patience)


def begin(world: World, request: Request, execution: str) -> Planned:
    """Begin the deployment, or resume it when it began before; every refusal is recorded with its reasons."""
    try:
        existing = world.deployments.get(request.cluster, request.deployment)
        if existing is not None:
            return _resume(world, existing, execution)
        found = preview(world, request)
    except InvalidName as error:
        return Planned("REFUSED", 0, str(error))
    except (Unknown, StoreRefused) as error:
        return _refuse(world, request, [str(error)])
    if found.refusals:
        return _refuse(world, request, list(found.refusals))
    desired = world.registry.desired(request.cluster)
    stands = desired is not None and desired.version == request.version
    if found.nothing_to_do and stands and request.kind is not Kind.ROLLBACK:
        return Planned(
            "NOTHING_TO_DO", 0, f"every host of {request.cluster} serves {request.version} already"
        )
    return _take(world, request, execution, found)


def _resume(world: World, existing: Deployment, execution: str) -> Planned:
    if existing.state.final:
        kind = "REFUSED" if existing.state is not DeploymentState.DONE else "NOTHING_TO_DO"
        return Planned(kind, existing.epoch, f"{existing.id} has ended: {existing.state}, {existing.reason}")
    if existing.execution != execution:
        world.deployments.put(replace(existing, execution=execution))
    return Planned("PLANNED", existing.epoch, f"{existing.id} goes on in execution {execution}")


def _refuse(world: World, request: Request, reasons: list[str]) -> Planned:
    why = "; ".join(reasons)
    _tell(world, request, "refused", why)
    lease = world.leases.current(request.cluster)
    if lease.deployment == request.deployment:  # a rollback that was handed the lease
        world.leases.release(request.cluster, lease)
    return Planned("REFUSED", 0, why)


def _take(world: World, request: Request, execution: str, found: Plan) -> Planned:
    """Lease, record, quarantine, desired version, stand-by turns: in this order, each safe to repeat."""
    now, cluster = world.clock.now(), request.cluster
    _tell(world, request, request.kind.lower(), request.reason)
    try:
        lease = world.leases.acquire(cluster, request.deployment, now)
    except LeaseHeld as error:
        return _refuse(world, request, [str(error)])
    manifest = world.artifacts.manifest(request.service, request.version)
    deployment = Deployment(
        request=request,
        epoch=lease.epoch,
        target=found.target,
        previous=found.previous,
        hosts=tuple(planned.host for planned in found.hosts) + found.in_place,
        policy=manifest.policy(request.environment),
        started_at=now,
        execution=execution,
    )
    if request.rollback_of:
        _quarantine(world, request)
    world.registry.set_desired(
        cluster, Desired(request.version, manifest.digest, lease.epoch, request.deployment)
    )
    world.fleet.give_turns(cluster, [stand_by(deployment, host, 0, now) for host in deployment.hosts])
    world.deployments.put(deployment)
    names = ", ".join(planned.host for planned in found.hosts) or "no host"
    return Planned("PLANNED", lease.epoch, f"{names} to update, about {found.expected_seconds:.0f} s")


def _quarantine(world: World, request: Request) -> None:
    """The version that is rolled back must not come back by convergence, nor by a thoughtless deploy."""
    bad = world.deployments.get(request.cluster, str(request.rollback_of))
    if bad is not None and bad.target.version != request.version:
        why = f"rolled back by {request.requested_by} ({request.deployment}): {request.reason}"
        world.fleet.quarantine(request.cluster, bad.target.version, why)


def _tell(world: World, request: Request, what: str, why: str) -> None:
    world.trail.append(
        TrailEntry(
            at=world.clock.now(),
            cluster=str(request.cluster),
            what=f"{what} {request.version}",
            who=request.requested_by,
            why=why,
            deployment=request.deployment,
        )
    )

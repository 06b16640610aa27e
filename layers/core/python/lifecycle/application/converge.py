"""Phase 5, convergence: compare desired with installed for every cluster, and start what repairs the drift.

Called by functions/converge, by schedule and on command.
"""

from dataclasses import dataclass

from lifecycle.application import observe
from lifecycle.application.decide import wake_expired
from lifecycle.application.finish import finish
from lifecycle.application.requests import payload
from lifecycle.application.world import World
from lifecycle.domain.convergence import (
    CloseStopped,
    ClusterFacts,
    Converged,
    Convergence,
    FreeLease,
    Hold,
    Repair,
    Resume,
    converge,
)
from lifecycle.domain.deployment import DeploymentState, Desired, Kind, Request, TrailEntry, deployment_id
from lifecycle.domain.fleet import Cluster


@dataclass(frozen=True, slots=True)
class Result:
    """What was found and done for one cluster; `kind` is CONVERGED, REPAIR, RESUME, ABORTED, FREE_LEASE or HOLD."""

    cluster: str
    kind: str
    reason: str
    deployment: str = ""


def converge_all(world: World, suffix: str, by: str, only: Cluster | None = None) -> list[Result]:
    """Look at every cluster of the registry, or at one. `suffix` makes the names of new deployments unique."""
    found = []
    for cluster in [only] if only else world.registry.clusters():
        desired = world.registry.desired(cluster)
        if desired is not None:
            facts = _facts(world, cluster, desired)
            found.append(_act(world, cluster, facts, converge(facts, world.clock.now()), suffix, by))
    return found


def _facts(world: World, cluster: Cluster, desired: Desired) -> ClusterFacts:
    lease = world.leases.current(cluster)
    reports = world.fleet.reports(cluster)
    name = lease.deployment
    holder = world.deployments.get(cluster, name) if name else None
    return ClusterFacts(
        desired=desired,
        lease=lease,
        last=world.deployments.get(cluster, desired.deployment),
        holder=holder,
        execution=world.executions.rollout_state(holder.execution if holder else name),
        reports=reports,
        rotation=observe.rotation(world, cluster, reports),
        quarantined=world.fleet.quarantined(cluster),
    )


def _act(
    world: World, cluster: Cluster, facts: ClusterFacts, found: Convergence, suffix: str, by: str
) -> Result:
    match found:
        case Converged(reason):
            return Result(str(cluster), "CONVERGED", reason)
        case Hold(_, reason):
            if facts.holder and (woken := wake_expired(world, facts.holder)):
                reason = f"{reason}; woke it, because {', '.join(woken)} expired"
            return Result(str(cluster), "HOLD", reason)
        case CloseStopped(stopped, reason):
            finish(world, cluster, stopped, DeploymentState.ABORTED, reason)
            return Result(str(cluster), "ABORTED", reason, stopped)
        case FreeLease(held, reason):
            _tell(world, cluster, "free the lease", by, reason, held.deployment)
            world.leases.release(cluster, held)
            return Result(str(cluster), "FREE_LEASE", reason, held.deployment)
        case Repair(version, _, reason):
            name = deployment_id(cluster, world.clock.now(), suffix)
            request = Request(
                name, cluster.service, cluster.environment, version, by, reason, kind=Kind.CONVERGE
            )
            _start(world, request, name, reason, by)
            return Result(str(cluster), "REPAIR", reason, name)
        case Resume(deployment, execution, reason):
            if facts.holder is not None:
                _start(world, facts.holder.request, execution, reason, by)
            return Result(str(cluster), "RESUME", reason, deployment)


def _start(world: World, request: Request, execution: str, reason: str, by: str) -> None:
    _tell(world, request.cluster, f"start {execution}", by, reason, request.deployment)
    world.executions.start_rollout(execution, payload(request))


def _tell(world: World, cluster: Cluster, what: str, who: str, why: str, deployment: str) -> None:
    world.trail.append(TrailEntry(world.clock.now(), str(cluster), what, who, why, deployment))

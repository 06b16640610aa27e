"""Reading: what is recorded and observed of one cluster, put together for a decision."""

from collections.abc import Mapping, Sequence
from itertools import chain

from lifecycle.application.world import World
from lifecycle.domain.capacity import TargetState
from lifecycle.domain.deployment import Deployment, DeploymentState, HostAttempt, Kind, Lease, Request, Target
from lifecycle.domain.errors import Unknown
from lifecycle.domain.fleet import Cluster, HostReport
from lifecycle.domain.planning import Observed
from lifecycle.domain.rollout import Facts

REMEMBERED = 50


def rotation(world: World, cluster: Cluster, reports: Mapping[str, HostReport]) -> dict[str, TargetState]:
    """Each host's state in the load balancer; hosts are told by their address."""
    targets = world.dispatcher.targets(cluster)
    return {host: targets.get(r.address, TargetState.ABSENT) for host, r in reports.items()}


def deployment(world: World, cluster: Cluster, name: str) -> Deployment:
    """A deployment's record; raises Unknown."""
    found = world.deployments.get(cluster, name)
    if found is None:
        raise unknown(cluster, name)
    return found


def unknown(cluster: Cluster, name: str) -> Unknown:
    """The error about a deployment that has no record."""
    return Unknown("deployment", name, f"see: lifecycle history {cluster.service}")


def facts(world: World, current: Deployment, lease: Lease, execution: str) -> Facts:
    """Everything that the next step depends on, read afresh."""
    reports = world.fleet.reports(current.cluster)
    attempts, questions = world.deployments.told(current.id)
    return Facts(
        deployment=current,
        lease=lease,
        attempts=tuple(attempts),
        questions=tuple(questions),
        reports=reports,
        rotation=rotation(world, current.cluster, reports),
        execution=execution,
    )


def observed(world: World, request: Request) -> Observed:
    """What a plan depends on; raises Unknown for a version or cluster that does not exist."""
    cluster = request.cluster
    manifest = world.artifacts.manifest(request.service, request.version)
    reports = world.fleet.reports(cluster)
    recent = world.deployments.recent(cluster, REMEMBERED)
    return Observed(
        manifest=manifest,
        lease=world.leases.current(cluster),
        desired=world.registry.desired(cluster),
        previous=previous_target(recent, request),
        reports=reports,
        rotation=rotation(world, cluster, reports),
        quarantined=world.fleet.quarantined(cluster),
        past=past_attempts(world, recent),
        health_path=world.dispatcher.health_path(cluster),
    )


def previous_target(recent: Sequence[Deployment], request: Request) -> Target | None:
    """The version that was last verified on every host, and is not the one asked for."""
    done = [d for d in recent if d.state is DeploymentState.DONE and d.id != request.deployment]
    return next((d.target for d in done if d.target.version != request.version), None)


def past_attempts(world: World, recent: Sequence[Deployment]) -> tuple[HostAttempt, ...]:
    """The attempts of the last three deployments that ended well, to tell how long a host takes."""
    done = [d for d in recent if d.state is DeploymentState.DONE and d.request.kind is not Kind.CONVERGE][:3]
    return tuple(chain.from_iterable(world.deployments.attempts(d.id) for d in done))

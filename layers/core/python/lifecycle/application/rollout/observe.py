"""Reading: what is recorded and observed of one cluster, put together for a decision."""

from collections.abc import Mapping, Sequence
from itertools import chain

from lifecycle.application.context import Context
from lifecycle.domain.errors import Unknown
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.fleet.host import HostReport
from lifecycle.domain.fleet.target_group import TargetState
from lifecycle.domain.rollout.attempt import HostAttempt
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState, Kind, Request
from lifecycle.domain.rollout.lease import Lease
from lifecycle.domain.rollout.preflight import Observed
from lifecycle.domain.rollout.steps import Facts
from lifecycle.domain.rollout.test_bed.hosts import wants_test_bed
from lifecycle.domain.service.target import Target

RECENT_LIMIT = 50


def rotation(context: Context, cluster: Cluster, reports: Mapping[str, HostReport]) -> dict[str, TargetState]:
    """Each host's state in the load balancer; hosts are told by their address."""
    targets = context.dispatcher.targets(cluster)
    return {host: targets.get(r.address, TargetState.ABSENT) for host, r in reports.items()}


def deployment(context: Context, cluster: Cluster, name: str) -> Deployment:
    """A deployment's record; raises Unknown."""
    found = context.deployments.get(cluster, name)
    if found is None:
        raise unknown(cluster, name)
    return found


def unknown(cluster: Cluster, name: str) -> Unknown:
    """The error about a deployment that has no record."""
    return Unknown("deployment", name, f"See `lifecycle history {cluster.service}`.")


def facts(
    context: Context, current: Deployment, lease: Lease, execution: str, *, undiagnosed: bool = False
) -> Facts:
    """Everything that the next step depends on, read afresh."""
    reports = context.fleet.reports(current.cluster)
    attempts, questions = context.deployments.attempts_and_questions(current.id)
    test_bed = wants_test_bed(current.policy)
    return Facts(
        deployment=current,
        lease=lease,
        attempts=tuple(attempts),
        questions=tuple(questions),
        reports=reports,
        rotation=rotation(context, current.cluster, reports),
        execution=execution,
        quarantined=context.fleet.quarantined_hosts(current.cluster),
        heartbeat_timeout=context.heartbeat_timeout,
        undiagnosed=undiagnosed,
        beds=tuple(context.deployments.beds(current.id)) if test_bed else (),
        has_test_bed=test_bed and context.dispatcher.has_test_bed(current.cluster),
        minute=context.minute,
    )


def observed(context: Context, request: Request) -> Observed:
    """What a plan depends on; raises Unknown for a version or cluster that does not exist."""
    cluster = request.cluster
    manifest = context.artifacts.manifest(request.service, request.version)
    reports = context.fleet.reports(cluster)
    recent = recent_deployments(context, cluster)
    desired = context.registry.desired(cluster)
    previous = previous_target(recent, request, desired)
    return Observed(
        manifest=manifest,
        lease=context.leases.current(cluster),
        desired=desired,
        previous=previous,
        reports=reports,
        rotation=rotation(context, cluster, reports),
        bad_versions=context.fleet.quarantined(cluster),
        past=past_attempts(context, recent),
        health_path=context.dispatcher.health_path(cluster),
        bad_hosts=context.fleet.quarantined_hosts(cluster),
        freezes=context.freezes.all(),
        no_rollback_target=_missing_artifact(context, request, previous),
        waiting=context.queue.waiting(cluster),
        skipped_hosts=previously_skipped_hosts(context, request),
        has_test_bed=wants_test_bed(manifest.policy(request.environment))
        and context.dispatcher.has_test_bed(cluster),
        minute=context.minute,
    )


def recent_deployments(context: Context, cluster: Cluster) -> Sequence[Deployment]:
    """The newest deployments, the newest first: as many as tell the last two versions that were verified.

    A cluster that scales is repaired often, and a repair verifies nothing: hundreds may lie between two versions.
    """
    limit = RECENT_LIMIT
    while True:
        found = context.deployments.recent(cluster, limit)
        if len(found) < limit or len({each.target for each in found if verifies(each)}) > 1:
            return found
        limit *= 10


def previous_target(recent: Sequence[Deployment], request: Request, desired: Desired | None) -> Target | None:
    """The version that was last verified on every host, and is not the one asked for.

    A repair that brings another version than the desired one to hosts that joined has none: it goes nowhere back.
    """
    if request.only and desired and desired.version != request.version:
        return None
    done = [d for d in recent if verifies(d) and d.id != request.deployment]
    return next((d.target for d in done if d.target.version != request.version), None)


def verified_target(recent: Sequence[Deployment]) -> Target | None:
    """The version that was last verified on every host."""
    return next((d.target for d in recent if verifies(d)), None)


def verifies(deployment: Deployment) -> bool:
    """Whether it ended with its version on every host; a repair of some hosts says nothing of the others."""
    return deployment.state is DeploymentState.DONE and not deployment.request.only


def _missing_artifact(context: Context, request: Request, previous: Target | None) -> str | None:
    """Why the previous version could not be deployed again; None when it could, or there is none."""
    if previous is None or context.artifacts.has_artifact(previous, request.service):
        return None
    found = f"expected {previous.version} with sha256 {previous.digest[:12]} in the artifact store, and found it not"
    return f"{found} (lifecycle gc keeps it; somebody deleted or changed it)"


def previously_skipped_hosts(context: Context, request: Request) -> tuple[str, ...]:
    """The hosts that a human left out of what is desired now: a repair leaves them out too."""
    desired = context.registry.desired(request.cluster)
    if request.kind is not Kind.CONVERGE or desired is None:
        return ()
    last = context.deployments.get(request.cluster, desired.deployment)
    return last.skipped_hosts if last else ()


def past_attempts(context: Context, recent: Sequence[Deployment]) -> tuple[HostAttempt, ...]:
    """The attempts of the last three deployments that ended well, to tell how long a host takes."""
    done = [d for d in recent if d.state is DeploymentState.DONE and d.request.kind is not Kind.CONVERGE][:3]
    return tuple(chain.from_iterable(context.deployments.attempts(d.id) for d in done))

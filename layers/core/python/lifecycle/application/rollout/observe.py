"""Observations: read the records and reports of one cluster, put together for a decision.

Used by the phases of a rollout, by convergence and by the queries.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain

from lifecycle.application.context import Context
from lifecycle.application.ports.artifacts import StoredManifest
from lifecycle.application.ports.step_reads import LoopRecords
from lifecycle.application.readable import readable
from lifecycle.application.rollout.desired_version import DesiredVersion, read_desired
from lifecycle.application.rollout.earlier_environment import read_verdict
from lifecycle.application.rollout.other_rollouts import other_rollouts
from lifecycle.application.rollout.planned_config import planned_config
from lifecycle.application.rollout.policy_floors import read_floors
from lifecycle.application.rollout.recorded_bytes import recorded_bytes
from lifecycle.application.rollout.signatures import planned_signatures
from lifecycle.application.rollout.strays import find_strays
from lifecycle.application.rollout.unknown_hosts import unknown_hosts
from lifecycle.application.rollout.withdrawn import of_this_service, refuse_withdrawn
from lifecycle.domain.convergence.set_back import set_back
from lifecycle.domain.errors import InvalidName, Unknown, UnreadableRecord
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.fleet.host import HostReport
from lifecycle.domain.fleet.target_group import Group, TargetState
from lifecycle.domain.listing import listed
from lifecycle.domain.rollout.attempt import HostAttempt
from lifecycle.domain.rollout.balancer_settings import BalancerSettings
from lifecycle.domain.rollout.checkpoint import Changes
from lifecycle.domain.rollout.decision import with_asked_about
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState, Kind, Request
from lifecycle.domain.rollout.epochs import recorded_epochs
from lifecycle.domain.rollout.execution import Visit
from lifecycle.domain.rollout.lease import Lease
from lifecycle.domain.rollout.plan_facts import Observed
from lifecycle.domain.rollout.policy_floor import under
from lifecycle.domain.rollout.preflight import replaced_version
from lifecycle.domain.rollout.release import with_noted_run
from lifecycle.domain.rollout.steps import Facts
from lifecycle.domain.rollout.test_bed.hosts import wants_test_bed
from lifecycle.domain.service.manifest import Manifest
from lifecycle.domain.service.published import foreign_bytes
from lifecycle.domain.service.target import Target

# Deployments that are read of a cluster at first.
RECENT_LIMIT = 50
# The most that are ever read: a version that was verified before these is no rollback target any more.
HISTORY_LIMIT = 5_000


def rotation(context: Context, cluster: Cluster, reports: Mapping[str, HostReport]) -> dict[str, TargetState]:
    """Return each host's state in the load balancer, which knows hosts by their address."""
    return by_host(reports, _targets(context, cluster, reports))


def _targets(context: Context, cluster: Cluster, reports: Mapping[str, HostReport]) -> Mapping[str, TargetState]:
    # A host whose report cannot be read has no known address, unless it is bound to one.
    return context.dispatcher.targets(cluster, [report.place for report in reports.values() if report.place])


def was_handed_over(context: Context, request: Request) -> bool:
    """Return whether the deployment that this request rolls back gives it its lease, and has ended for it or will."""
    if not request.rollback_of:
        return False
    former, _ = readable(lambda: context.deployments.get(request.cluster, str(request.rollback_of)), None)
    return former is not None and (former.state is DeploymentState.ROLLED_BACK or not former.state.final)


def by_host(reports: Mapping[str, HostReport], targets: Mapping[str, TargetState]) -> dict[str, TargetState]:
    """Return each host's state, from the states by address."""
    return {host: targets.get(r.place, TargetState.ABSENT) for host, r in reports.items()}


def deployment(context: Context, cluster: Cluster, name: str) -> Deployment:
    """Return a deployment's record; raises Unknown."""
    found = context.deployments.get(cluster, name)
    if found is None:
        raise unknown(cluster, name)
    return found


def unknown(cluster: Cluster, name: str) -> Unknown:
    """Return the error about a deployment that has no record."""
    return Unknown("deployment", name, f"See `lifecycle history {cluster.service}`.")


def facts(context: Context, current: Deployment, lease: Lease, visit: Visit) -> Facts:
    """Read everything that the next step depends on."""
    reports = context.fleet.reports(current.cluster)
    found = context.deployments.everything(current.id)
    targets = _targets(context, current.cluster, reports)
    test_bed = wants_test_bed(current.policy)
    return Facts(
        deployment=current,
        planned=found.hosts or current.hosts,
        lease=lease,
        attempts=with_noted_run(with_asked_about(found.attempts, found.questions), current),
        questions=tuple(found.questions),
        reports=reports,
        rotation=by_host(reports, targets),
        targets=targets,
        execution=visit.execution,
        round=visit.round,
        quarantined=context.fleet.quarantined_hosts(current.cluster),
        heartbeat_timeout=context.heartbeat_timeout,
        beds=tuple(found.beds) if test_bed else (),
        has_test_bed=test_bed and context.dispatcher.has_test_bed(current.cluster),
        minute=context.minute,
    )


def changes(context: Context, records: LoopRecords, visit: Visit) -> Changes | None:
    """Read what the next step of a checkpoint depends on; None where there is no such checkpoint."""
    current, checkpoint = records.deployment, records.checkpoint
    if current is None or checkpoint is None or checkpoint.baseline is None:
        return None
    given = [(each.host, each.attempt) for each in checkpoint.given]
    next_hosts = [each.host for each in checkpoint.next_hosts()]
    found = context.step_reads.of_hosts(current.cluster, current.id, given, next_hosts)
    return Changes(
        deployment=current,
        lease=records.lease,
        execution=visit.execution,
        round=visit.round,
        attempts=found.attempts,
        reports=found.reports,
        reporting=context.fleet.names(current.cluster),
        questions=context.deployments.questions(current.id),
        quarantined=context.fleet.quarantined_hosts(current.cluster),
        targets=context.dispatcher.members(current.cluster, Group.MAIN),
        heartbeat_timeout=context.heartbeat_timeout,
    )


def observed(context: Context, request: Request) -> Observed:
    """Read everything that a plan depends on; raises Unknown for a version or cluster that does not exist.

    Raises Refused for a version that was withdrawn, whose bytes may be gone.
    """
    cluster = request.cluster
    refuse_withdrawn(context, request)
    stored = context.artifacts.stored_manifest(request.service, request.version)
    manifest = stored.manifest
    reports = context.fleet.reports(cluster)
    lease = context.leases.current(cluster)
    every, older = readable_deployments(context, cluster)
    recent = of_this_service(context, cluster.service, every)
    found = read_desired(context, cluster, lease, recent)
    waiting, unqueued = readable(lambda: context.queue.waiting(cluster), None)
    config = planned_config(context, request, found.desired, recent, reports)
    previous = previous_target(recent, request, found.desired, config.revision)
    settings = _balancer_settings(context, request, previous, reports)
    missing = _missing_artifact(context, request, previous)
    signed = planned_signatures(context, request, stored.as_published, None if missing else previous, reports)
    replaced, floors = replaced_version(request, previous, found.desired), read_floors(context, cluster)
    seen = Observed(
        manifest=manifest,
        lease=lease,
        desired=found.desired,
        named=found.named,
        nobodys=found.nobodys,
        previous=previous,
        was_verified=any(
            verifies(each) and not Target(request.version, "", config.revision).differs_from(each.target)
            for each in recent
        ),
        reports=reports,
        rotation=rotation(context, cluster, reports),
        bad_versions=context.fleet.quarantined(cluster),
        past=past_attempts(context, recent),
        settings=settings,
        replaced_version=replaced,
        replaced=settings.others.get(replaced) or _manifest(context, request.service, replaced),
        bad_hosts=context.fleet.quarantined_hosts(cluster),
        freezes=context.freezes.all(),
        no_rollback_target=missing or signed.no_rollback_target,
        waiting=waiting,
        skipped_hosts=previously_skipped_hosts(context, request),
        has_test_bed=wants_test_bed(under(manifest.policy(request.environment), floors.known))
        and context.dispatcher.has_test_bed(cluster),
        floors=floors,
        minute=context.minute,
        settles=context.settles,
        other_rollouts=other_rollouts(context, request),
        unreadable=(
            *map(str, (*found.unreadable, *unqueued, *older)),
            *unknown_hosts(context, cluster, context.fleet.bound(cluster), reports),
            *signed.warnings,
        ),
        earlier=read_verdict(context, request.environment, manifest) if request.kind is Kind.DEPLOY else None,
        strays=find_strays(context, cluster, set_back(found.desired, reports, lease, every, found.named).ledger),
        config=config,
        manifest_digest=stored.sha256,
        foreign=_foreign(context, request, stored, config.revision, recent, found) or signed.blocker,
    )
    # Last: another plan may take the lease, and lose it, while this one reads.
    commands, lost = readable(lambda: context.fleet.turn_epochs(cluster), {})
    epochs = recorded_epochs(found.desired, reports, commands, every, found.named)
    return replace(seen, epochs=epochs, unreadable=(*seen.unreadable, *map(str, lost)))


def _foreign(
    context: Context,
    request: Request,
    stored: StoredManifest,
    config: int,
    recent: Sequence[Deployment],
    desired: DesiredVersion,
) -> str:
    """Return why the version is not the one that was published, by the ledger; empty if it is."""
    verified = next((d.target for d in recent if verifies(d) and d.target.version == request.version), None)
    recorded = recorded_bytes(context.catalogue, request.service, request.version)
    if why := foreign_bytes(request.version, stored.as_published, recorded, verified):
        return why
    from lifecycle.servicefile.manifests import refused_values  # noqa: PLC0415 (only a plan pays for the schema)

    if request.kind is Kind.DEPLOY and (wrong := refused_values(stored.manifest)):
        # It was published before these limits. What ran before may be gone back to, and repaired.
        return f"{request.version} has values that lifecycle.toml refuses: {listed(wrong, separator='; ')}"
    if request.kind is not Kind.ROLLBACK:
        return ""
    return _no_way_back(context, request, Target(request.version, "", config), recent, desired)


def _no_way_back(
    context: Context, request: Request, to: Target, recent: Sequence[Deployment], desired: DesiredVersion
) -> str:
    """Return why a rollback may not bring this target; empty if it was verified there, or was before a deployment.

    A rollback passes freezes and gates. So it undoes what is desired now, and goes to what was verified before that.
    """
    undone = request.rollback_of or ""
    bad, unreadable = readable(lambda: context.deployments.get(request.cluster, undone) if undone else None, None)
    if undone and bad is None and not unreadable:
        return f"a rollback undoes a deployment of {request.cluster}, found {undone}: use `lifecycle rollback`"
    before = bad.previous if bad else None
    if before is not None and not to.differs_from(before) and _is_decided(context, request):
        return ""
    wrote = (desired.nobodys.last if desired.nobodys else desired.named) if undone else None
    if wrote is not None and bad is not None and bad.target.differs_from(wrote.target):
        now = f"{wrote.target.in_words} is desired there now"
        return f"a rollback undoes what is desired: {undone} brought {bad.target.in_words}, and {now}"
    verified = verified_before(recent, wrote.target if wrote else None)
    if not any(each is not None and not to.differs_from(each) for each in (before, *verified)):
        how = f"lifecycle deploy {request.service} {request.version} --environment {request.environment}"
        return f"{to.in_words} was never verified in {request.cluster}, so no rollback goes there: `{how}`"
    bad_versions = context.fleet.quarantined(request.cluster)
    newest = newest_good(verified, bad_versions)
    if wrote is not None and to.differs_from(before) and newest and to.differs_from(newest):
        return f"{newest.in_words} was verified last before {wrote.target.in_words}: `lifecycle rollback` goes there"
    return to.quarantined_in(bad_versions) or ""


def verified_before(recent: Sequence[Deployment], bad: Target | None) -> list[Target]:
    """Return what was verified on every host, the newest first, without what is to be undone."""
    return [each.target for each in recent if verifies(each) and each.target.differs_from(bad)]


def newest_good(verified: Sequence[Target], bad_versions: Mapping[str, str]) -> Target | None:
    """Return the newest of these that is not quarantined; None if all of them are."""
    return next((each for each in verified if not each.quarantined_in(bad_versions)), None)


def _is_decided(context: Context, request: Request) -> bool:
    """Return whether a deployment hands its lease over to this very rollback, and has recorded it before.

    A request may name any deployment that was rolled back once.
    """
    if not was_handed_over(context, request):
        return False
    recorded, _ = readable(lambda: context.deployments.get(request.cluster, request.deployment), None)
    return recorded is not None or context.leases.current(request.cluster).deployment == request.deployment


def _balancer_settings(
    context: Context, request: Request, previous: Target | None, reports: Mapping[str, HostReport]
) -> BalancerSettings:
    """Read the settings of the load balancer, and the manifests of the versions that they must fit as well."""
    versions = {report.installed for report in reports.values()} | ({previous.version} if previous else set())
    path = context.dispatcher.health_path(request.cluster)
    return BalancerSettings(
        path,
        context.dispatcher.drain_delays(request.cluster),
        {found.version: found for each in sorted(versions) if (found := _manifest(context, request.service, each))},
        # Only where no path is checked may there be no load balancer.
        http=path is not None or context.dispatcher.has_load_balancer(request.cluster),
    )


def _manifest(context: Context, service: str, version: str) -> Manifest | None:
    """Return a version's manifest; None if it was deleted or cannot be read."""
    try:
        return readable(lambda: context.artifacts.manifest(service, version), None)[0] if version else None
    except (InvalidName, Unknown):
        return None


def recent_deployments(context: Context, cluster: Cluster) -> Sequence[Deployment]:
    """Return the newest deployments that can be read, as `readable_deployments` does."""
    return readable_deployments(context, cluster)[0]


def readable_deployments(
    context: Context, cluster: Cluster
) -> tuple[Sequence[Deployment], tuple[UnreadableRecord, ...]]:
    """Return the newest deployments without their hosts, back to the last two versions that were verified.

    Those that cannot be read are left out, each with an error.

    A cluster that scales is repaired often, and a repair of some hosts verifies nothing. So hundreds of
    deployments may lie between two verified versions.
    """
    limit = RECENT_LIMIT
    while True:
        found, errors = readable(partial(context.deployments.recent_without_hosts, cluster, limit), ())
        verified = {each.target for each in found if verifies(each)}
        if len(found) + len(errors) < limit or len(verified) > 1 or limit >= HISTORY_LIMIT:
            return found, errors
        limit *= 10


def previous_target(
    recent: Sequence[Deployment], request: Request, desired: Desired | None, config: int
) -> Target | None:
    """Return what was last verified on every host, other than the requested version with this configuration.

    There is none for a repair that brings something other than what is desired to new hosts: it cannot be rolled
    back.
    """
    wanted = Target(request.version, "", config)
    if request.only and desired and wanted.differs_from(desired.target):
        return None
    others = [each for each in recent if each.id != request.deployment]
    return next(iter(verified_before(others, wanted)), None)


def verified_target(recent: Sequence[Deployment]) -> Target | None:
    """Return the version that was last verified on every host."""
    return next((d.target for d in recent if verifies(d)), None)


def verifies(deployment: Deployment) -> bool:
    """Return whether it ended with its version on every host; a repair of some hosts does not count."""
    return deployment.state is DeploymentState.DONE and not deployment.request.only


def _missing_artifact(context: Context, request: Request, previous: Target | None) -> str | None:
    """Return why the previous version could not be deployed again; None if it could, or if there is none."""
    if previous is None or context.artifacts.has_artifact(previous, request.service):
        return None
    missing = f"version {previous.version} with sha256 {previous.digest[:12]} is missing from the artifact store"
    return f"{missing} (lifecycle gc does not delete it; somebody deleted or changed it)"


def previously_skipped_hosts(context: Context, request: Request) -> tuple[str, ...]:
    """Return the hosts that an operator skipped in the desired deployment; a repair skips them too."""
    if request.kind is not Kind.CONVERGE:
        return ()
    desired = context.registry.desired(request.cluster)
    if desired is None:
        return ()
    last = context.deployments.get(request.cluster, desired.deployment)
    return last.skipped_hosts if last else ()


def changed_a_host(context: Context, current: Deployment) -> bool:
    """Return whether a deployment may have changed a host. A run of the release command changes none."""
    if not current.release_seconds:
        return context.deployments.has_attempts(current.id)
    return any(not each.release for each in context.deployments.attempts(current.id))


def past_attempts(context: Context, recent: Sequence[Deployment]) -> tuple[HostAttempt, ...]:
    """Return the attempts of the last three deployments that were DONE, to estimate the time that a host takes."""
    done = [d for d in recent if d.state is DeploymentState.DONE and d.request.kind is not Kind.CONVERGE][:3]
    return tuple(chain.from_iterable(context.deployments.attempts(d.id) for d in done))

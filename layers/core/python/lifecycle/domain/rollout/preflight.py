"""Preflight: the blockers of a deployment, and its warnings for operators.

Used by plan.py. A rollback may begin despite freezes and failing hosts: each failing host halts it in its
turn.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.fleet.host import HostReport, UnreadableReport, readable, unreachable_among
from lifecycle.domain.listing import SHOWN, counted, listed
from lifecycle.domain.rollout.balancer_settings import (
    drain_reasons,
    drain_warnings,
    rollback_path_reason,
    settings_reasons,
)
from lifecycle.domain.rollout.capacity import Floor, first_refusal, without_dead
from lifecycle.domain.rollout.deployment import Kind, Override, Request
from lifecycle.domain.rollout.earlier_environment import HOW_TO_OVERRIDE
from lifecycle.domain.rollout.freezes import freeze_reason
from lifecycle.domain.rollout.host_requirements import ignored_parts, lacking_hosts, unchecked_hosts
from lifecycle.domain.rollout.lease import UnreadableLease
from lifecycle.domain.rollout.plan_facts import Observed
from lifecycle.domain.rollout.policy_floor import window_owners
from lifecycle.domain.rollout.release import release_of, too_old
from lifecycle.domain.rollout.shared_fault import unhealthy_together
from lifecycle.domain.rollout.test_bed.hosts import no_test_bed_reason, quarantined_away, wants_test_bed
from lifecycle.domain.service.host_count import at_least, at_most
from lifecycle.domain.service.target import Target
from lifecycle.domain.service.version import SnapshotVersion, parse_version
from lifecycle.domain.time_format import moment

_UNRECORDED = "config {} was written beside Lifecycle, so its names are not recorded"
# The most hosts of a cluster. The order of a plan is one item of the ledger, which has at most 400 KB.
HOSTS_LIMIT = 5_000


def replaced_version(request: Request, previous: Target | None, desired: Desired | None) -> str:
    """Return the version that a deployment replaces: the verified one, or the one that a rollback takes back.

    Empty for a repair, for the same version, and where there is none.
    """
    if request.kind is Kind.CONVERGE:
        return ""
    replaced: Target | Desired | None = desired if request.kind is Kind.ROLLBACK else previous
    return replaced.version if replaced and replaced.version != request.version else ""


_INSTALL_IT = "install it by `packages` of the cluster in cdk.json, or by hand"
_HOW_TO_OVERRIDE = {
    Override.QUARANTINE: "{other}, or use --even-if-quarantined",
    Override.FREEZE: "wait, or use --despite-freeze with a --why",
    Override.NO_ROLLBACK_TARGET: "publish it again, or use --without-rollback-target",
    Override.STAGING: HOW_TO_OVERRIDE,
}


def blockers(
    request: Request, observed: Observed, order: Sequence[str], now: datetime, heartbeat_timeout: timedelta
) -> list[str]:
    """Return every reason not to begin now; `order` is the order of the hosts that would be updated."""
    held = observed.lease.held_by_another(request.deployment, now)
    unreachable = unreachable_among(observed.reports, now, heartbeat_timeout)
    reasons = _hard_blockers(request, observed)
    if request.kind is Kind.DEPLOY:
        found = overridable_blockers(request, observed, now)
        reasons += [
            f"{why}; {_HOW_TO_OVERRIDE[each].format(other=_instead(request, observed))}"
            for each, why in found.items()
            if each not in request.overrides
        ]
    elif held:
        since = f" since {observed.lease.since:%Y-%m-%d %H:%M:%S} UTC" if observed.lease.since else ""
        reasons.append(f"{request.cluster} is being deployed by {observed.lease.deployment}{since}")
    if request.kind is Kind.CONVERGE and (outdated := _outdated(request, observed)):
        reasons.append(outdated)
    if request.kind is Kind.CONVERGE and (together := _unhealthy_together(request, observed, unreachable)):
        reasons.append(f"{listed(together)} became unhealthy together: a shared dependency? A repair would not help")
    if request.kind is Kind.ROLLBACK or held:
        return reasons  # the state of its hosts counts when it begins
    return (
        reasons
        + unreachable_blockers(request, observed, unreachable)
        + _capacity_blockers(request, observed, order, unreachable)
        + _release_blockers(request, observed, order)
    )


def _instead(request: Request, observed: Observed) -> str:
    """Return what to deploy in place of what is quarantined: another version, or the next revision."""
    if observed.target.version in observed.bad_versions:
        return "deploy another version"
    where = f"{request.service} NAME=VALUE -e {request.environment}"
    return f"write the next revision (lifecycle config set {where}), lift it (lifecycle unquarantine)"


def _release_blockers(request: Request, observed: Observed, order: Sequence[str]) -> list[str]:
    """Return why the first host could not run the release command."""
    first = readable(observed.reports[order[0]]) if order and release_of(request, observed.manifest) else None
    return [too_old(first.host)] if first and not first.runs_releases else []


def _outdated(request: Request, observed: Observed) -> str:
    """Return why a repair does not fit any more; empty if it does.

    It brings what is desired, or to hosts that have nothing else what they had or what was verified last.
    """
    desired = observed.desired.target if observed.desired else None
    if not request.only or (desired is not None and not observed.target.differs_from(desired)):
        return ""
    reports = {host: observed.reports[host] for host in sorted(observed.members(request))}
    others = [f"{host} has {each.installed}" for host, each in reports.items() if _has_another(each, observed.target)]
    wanted = desired.in_words if desired else "nothing"
    return f"{wanted} is desired now, and {listed(others)}: this repair is out of date" if others else ""


def _has_another(report: HostReport, target: Target) -> bool:
    """Return whether a host has another version, or runs this one with another configuration."""
    if report.installed in ("", target.version):
        return report.running and report.config != target.config
    return True


def _unhealthy_together(request: Request, observed: Observed, unreachable: Collection[str]) -> list[str]:
    """Return the hosts of a repair that a shared fault made unhealthy since convergence asked for it."""
    members, policy = observed.cluster_members - frozenset(observed.skipped_hosts), observed.policy(request)
    found = unhealthy_together(
        observed.reports, observed.rotation, members, observed.manifest.digest, policy.max_unavailable, unreachable
    )
    return [host for host in found if host in observed.members(request)]


def warnings(request: Request, observed: Observed, now: datetime, heartbeat_timeout: timedelta) -> list[str]:
    """Return what does not block the deployment, but is worth knowing before it begins."""
    texts = _first([f"{host} is quarantined and left out: {why}" for host, why in sorted(observed.bad_hosts.items())])
    unreachable, members = unreachable_among(observed.reports, now, heartbeat_timeout), observed.members(request)
    texts += _first(
        [
            f"{_silence(observed.reports[host], since)}: it comes last, and needs your decision then"
            for host, since in unreachable.items()
            if host in members
        ]
    )
    skews = {h: r.clock_problem(now) for h, r in sorted(observed.reports.items()) if h not in observed.bad_hosts}
    texts += _first([f"{host}: {skew}; set it" for host, skew in skews.items() if skew])
    if observed.strays.targets:
        strange, held = observed.strays.in_words, observed.strays.held
        texts.append(f"{strange}, and stays: {held}" if held else f"{strange}: it is taken out before the first host")
    texts += [*observed.unreadable, *_first(list(observed.epochs.disbelieved))]
    texts += _config_warnings(request, observed)
    if request.kind is not Kind.DEPLOY:
        texts += [f"hosts are updated one by one. {why}" for why in observed.floors.unreadable]
        texts += [f"{why}: update it" for why in _ignored_parts(request, observed)]
        texts += _first([f"{why}: {_INSTALL_IT}" for why in _lacking_hosts(request, observed)])
    texts += unchecked_hosts(observed.manifest, observed.reports, observed.members(request))
    if request.kind is Kind.ROLLBACK:
        texts += drain_reasons(request, observed.manifest, observed.settings, observed.running_versions)
    texts += drain_warnings(request, observed.manifest, observed.settings)
    if request.kind is Kind.DEPLOY:
        found = overridable_blockers(request, observed, now)
        texts += [f"overridden: {why}" for each, why in found.items() if each in request.overrides]
        texts += [f"{observed.nobodys.reason}; this deployment takes over"] if observed.nobodys else []
        texts += _rollback_download_warnings(request, observed)
        texts += _test_bed_warnings(request, observed)
    return texts


def _hard_blockers(request: Request, observed: Observed) -> list[str]:
    """Return the blockers that no waiting and no override removes."""
    cluster, version = request.cluster, observed.manifest.version
    reasons = [observed.lease.why] if isinstance(observed.lease, UnreadableLease) else []
    if used_up := observed.epochs.used_up(observed.lease.epoch):
        reasons.append(used_up)
    if len(observed.reports) > HOSTS_LIMIT and request.kind is not Kind.ROLLBACK:
        found = f"{cluster} has {counted(len(observed.reports), 'host')}: expected at most {HOSTS_LIMIT}"
        reasons.append(f"{found}, because a plan is one record; deploy it as several services")
    if not observed.members(request):
        reasons.append(f"{cluster} has no hosts: start an agent on each host, then plan again")
    if why := releases_only(cluster, version):
        reasons.append(why)
    if observed.foreign:
        reasons.append(observed.foreign)
    reasons += _config_reasons(request, observed)
    if request.kind is Kind.DEPLOY:
        reasons += [*observed.floors.unreadable, *_quarantined_away(request, observed)]
        reasons += [f"{why}: update it first" for why in _ignored_parts(request, observed)]
        reasons += _first([f"{why}: {_INSTALL_IT}" for why in _lacking_hosts(request, observed)])
    return reasons + settings_reasons(request, observed.manifest, observed.settings, observed.running_versions)


def releases_only(cluster: Cluster, version: str) -> str:
    """Return why this environment does not take a snapshot; empty for a release, and where snapshots may run."""
    if cluster.environment != "production" or not isinstance(parse_version(version), SnapshotVersion):
        return ""
    return f"production takes releases only: lifecycle promote {cluster.service} {version}"


def _config_reasons(request: Request, observed: Observed) -> list[str]:
    """Return the names that the version requires, and that its configuration lacks.

    A person who wrote the parameter itself recorded no names. Rollbacks and repairs go back to what ran before.
    """
    config = observed.config
    if config.was_deleted and request.kind is Kind.DEPLOY:
        how = f"lifecycle config import {request.service} FILE -e {request.environment}"
        gone = f"{request.cluster} runs with config {config.running}, but its parameter was deleted"
        return [f"{gone}: write all names again with {how}"]
    if config.names is None and request.kind is Kind.DEPLOY:
        how = f"lifecycle config list {request.service} -e {request.environment}"
        return [f"{_UNRECORDED.format(config.revision)}: `{how}` records them"]
    if not (missing := config.missing(observed.manifest.config.required)):
        return []
    where = f"config {config.revision} of {request.cluster}" if config.revision else f"{request.cluster}"
    how = f"lifecycle config set {request.service} {missing[0]} -e {request.environment}"
    return [f"{observed.manifest.version} requires {listed(missing)}, which {where} does not have: {how}"]


def _ignored_parts(request: Request, observed: Observed) -> list[str]:
    return ignored_parts(observed.manifest, observed.reports, observed.members(request))


def _lacking_hosts(request: Request, observed: Observed) -> list[str]:
    return lacking_hosts(observed.manifest, observed.reports, observed.members(request))


def _config_warnings(request: Request, observed: Observed) -> list[str]:
    unknown = observed.config.names is None and request.kind is not Kind.DEPLOY
    return [_UNRECORDED.format(observed.config.revision)] if unknown else []


def overridable_blockers(request: Request, observed: Observed, now: datetime) -> dict[Override, str]:
    """Return the blockers that a request may override."""
    found: dict[Override, str] = {}
    if why := observed.target.quarantined_in(observed.bad_versions):
        found[Override.QUARANTINE] = why
    owners = window_owners(observed.manifest.policy(request.environment), observed.floors.known)
    windows = observed.policy(request).frozen
    if frozen := freeze_reason(observed.freezes, windows, request.cluster, now, owners):
        found[Override.FREEZE] = frozen
    if observed.earlier and observed.earlier.blocks:
        version, says = observed.manifest.version, observed.earlier.sentence
        found[Override.STAGING] = f"{observed.earlier.environment} has not verified {version}: {says}"
    if (missing := _no_rollback_target(observed)) is not None:
        found[Override.NO_ROLLBACK_TARGET] = f"there is no rollback target: {missing}"
    return found


def _no_rollback_target(observed: Observed) -> str | None:
    if observed.no_rollback_target is not None or observed.previous is None:
        return observed.no_rollback_target
    gone = observed.config.gone(observed.previous.config)
    return gone or rollback_path_reason(observed.settings, observed.previous.version)


def _rollback_download_warnings(request: Request, observed: Observed) -> list[str]:
    """Warn about hosts that lack the previous version on their disk: a rollback would download it."""
    if observed.previous is None:
        return []
    version = observed.previous.version
    hosts = [h for h in sorted(observed.members(request)) if version not in observed.reports[h].releases]
    return [f"{version} is not on the disk of {listed(hosts)}: a rollback downloads it again"] if hosts else []


def _should_bake(request: Request, observed: Observed) -> bool:
    return wants_test_bed(observed.policy(request)) and not request.only


def _quarantined_away(request: Request, observed: Observed) -> list[str]:
    if not _should_bake(request, observed):
        return []
    here, away = len(observed.cluster_members), len(observed.reports) - len(observed.cluster_members)
    why = quarantined_away(observed.previous, here, away, has_groups=observed.has_test_bed)
    return [f"{request.cluster}: {why}"] if why else []


def _test_bed_warnings(request: Request, observed: Observed) -> list[str]:
    if not _should_bake(request, observed):
        return []
    why = no_test_bed_reason(observed.previous, len(observed.cluster_members), has_groups=observed.has_test_bed)
    return [f"no test bed, which the policy asks for: {why}"] if why else []


def unreachable_blockers(request: Request, observed: Observed, of_cluster: Mapping[str, datetime]) -> list[str]:
    """Return the unreachable hosts, if they are more than the policy tolerates."""
    if request.only:
        return []  # its hosts were reachable at the request; a human decides about those that are not any more
    members = observed.members(request)
    unreachable = {host: since for host, since in of_cluster.items() if host in members}
    allowed = at_most(observed.policy(request).max_unreachable, len(members))
    if len(unreachable) <= allowed and len(unreachable) < len(members):
        return []
    budget = f"max_unreachable is {observed.policy(request).max_unreachable}"
    return _first(
        [
            f"{_silence(observed.reports[host], since)} ({budget}): start its agent, or remove the host"
            for host, since in unreachable.items()
        ]
    )


def _silence(report: HostReport, since: datetime) -> str:
    if isinstance(report, UnreadableReport):
        return f"{report.host} counts as unreachable, {report.why}"
    return f"{report.host} has been unreachable since {moment(since)} UTC"


def _first(texts: list[str]) -> list[str]:
    """Return the first of these texts about a host each, and the number of the rest."""
    rest = len(texts) - SHOWN
    return [*texts[:SHOWN], f"the same is true of {counted(rest, 'more host')}"] if rest > 0 else texts


def _capacity_blockers(
    request: Request, observed: Observed, order: Sequence[str], unreachable: Collection[str]
) -> list[str]:
    """Return why the policy could never finish, else why the first refused drain would be refused."""
    policy, hosts = observed.policy(request), observed.cluster_members
    size = len(hosts)
    limit, required = at_most(policy.max_unavailable, size), at_least(policy.min_healthy, size)
    if not size:
        return []
    if limit < 1:
        return [f"max_unavailable is {policy.max_unavailable}: no host could ever be taken out, expected at least 1"]
    if size > 1 and limit >= size:
        return [f"max_unavailable is {policy.max_unavailable} of {size} hosts, which would leave none serving"]
    if required > size - 1:
        texts = f"min_healthy is {policy.min_healthy}, but {request.cluster} has {counted(size, 'host')}"
        return [f"{texts}: expected at most {size - 1}, or no host could ever be taken out"]
    floor = Floor.of(policy, hosts, frozenset(observed.skipped_hosts))
    why = first_refusal(order, without_dead(observed.rotation, observed.reports, unreachable), floor)
    return [why] if why else []

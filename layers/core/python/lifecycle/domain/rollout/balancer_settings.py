"""Checks that a cluster fits a version: its load balancer, the path of the health check, and the drain time.

Used by preflight.py. Only the cluster's stack changes these settings (docs/adr/0019), so a plan that they do not fit
is blocked before the first host is drained.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lifecycle.domain.fleet.target_group import Group
from lifecycle.domain.listing import listed
from lifecycle.domain.rollout.deployment import Kind, Request
from lifecycle.domain.service.manifest import Manifest
from lifecycle.domain.service.policy import Policy

# A stage may wait no longer for a drain, because Lambda ends it.
LONGEST_DRAIN = 840
_HOW = 'See "Change the health path or the drain time" in docs/operating.md.'


@dataclass(frozen=True, slots=True)
class BalancerSettings:
    """The settings of a cluster's target groups, and the manifests of the versions that they must fit as well.

    `drain_delays` are the deregistration delays in seconds. `others` are the manifests of the installed versions and
    of the rollback target, by version; those that do not exist any more are left out. `http` says whether there is a
    load balancer.
    """

    health_path: str | None = None
    drain_delays: Mapping[Group, int] = field(default_factory=dict)
    others: Mapping[str, Manifest] = field(default_factory=dict)
    http: bool = True


def drain_seconds(request: Request, manifest: Manifest, settings: BalancerSettings) -> int:
    """Return for how long a drain of this deployment may go on: until the load balancer itself ends it."""
    declared = manifest.policy(request.environment).drain_seconds
    return min(max([declared, *settings.drain_delays.values()]), LONGEST_DRAIN)


def settle_seconds(policy: Policy, settings: BalancerSettings, *, settles: bool) -> int:
    """Return for how long a host serves on after it left the load balancer; 0 without one, or where none is late."""
    return policy.settle_seconds if settles and settings.http else 0


def settings_reasons(
    request: Request, manifest: Manifest, settings: BalancerSettings, running: Sequence[str]
) -> list[str]:
    """Return why the settings do not fit the deployment; `running` are the installed versions.

    A rollback may begin with a drain time that does not fit: its reason is a warning then (`drain_reasons`).
    """
    if manifest.run.http is not settings.http:
        return [f"{_other_kind(manifest, settings, f'{request.cluster}')}. {_HOW_TO_CHANGE}"]
    path = _path_reason(request, manifest, settings)
    drains = [] if request.kind is Kind.ROLLBACK else drain_reasons(request, manifest, settings, running)
    return [*([path] if path else []), *drains]


_HOW_TO_CHANGE = (
    'Give the new kind of service another name, with clusters of its own. See "From HTTP to a worker, and back" in '
    "docs/operating.md."
)


def _other_kind(manifest: Manifest, settings: BalancerSettings, cluster: str) -> str:
    """Return how the cluster and the version differ; the caller knows that they do."""
    declared = "serves HTTP" if manifest.run.http else "declares run.http = false"
    has = "has a load balancer" if settings.http else "has no load balancer (http: false in its stack)"
    return f"{manifest.version} {declared}, but {cluster} {has}"


def _path_reason(request: Request, manifest: Manifest, settings: BalancerSettings) -> str | None:
    path, version = settings.health_path, manifest.version
    if path is None or path in manifest.is_alive.paths:
        return None
    found = f"the load balancer checks {path}, but {version} declares is_alive {listed(manifest.is_alive.paths)}"
    if request.kind is Kind.DEPLOY:
        new = manifest.is_alive.path
        both = f'is_alive = {{ path = "{new}", also = ["{path}"] }}'
        return f"{found}: deploy a version that answers both and declares {both}, then change the path. {_HOW}"
    back = f"set the path of the cluster back to {manifest.is_alive.path}"
    return f"{found}: first {back}, which every running version must answer. {_HOW}"


def rollback_path_reason(settings: BalancerSettings, previous: str) -> str | None:
    """Return why the rollback target would never be healthy in this cluster; None if it could be."""
    manifest, path = settings.others.get(previous), settings.health_path
    if manifest is not None and manifest.run.http is not settings.http:
        return _other_kind(manifest, settings, "its cluster")
    if manifest is None or path is None or path in manifest.is_alive.paths:
        return None
    return f"the load balancer checks {path}, but {previous} declares is_alive {listed(manifest.is_alive.paths)}"


def drain_reasons(
    request: Request, manifest: Manifest, settings: BalancerSettings, running: Sequence[str]
) -> list[str]:
    """Return why a drain would cut requests that a policy allows, or would end after the stage that waits for it."""
    versions = [manifest, *(settings.others[each] for each in running if each in settings.others)]
    longest = max(versions, key=lambda each: each.policy(request.environment).drain_seconds)
    needed = longest.policy(request.environment).drain_seconds
    reasons = []
    for group, delay in settings.drain_delays.items():
        found = f"the {group} target group has a deregistration delay of {delay} s"
        if delay < needed:
            why = f"{longest.version} declares drain_seconds {needed}, so requests would be cut"
            reasons.append(f"{found}, but {why}: set DrainSeconds of the cluster's stack to {needed} first. {_HOW}")
        elif delay > LONGEST_DRAIN:
            why = f"a drain may take at most {LONGEST_DRAIN} s"
            reasons.append(f"{found}, but {why}: set DrainSeconds of the cluster's stack to {needed} first. {_HOW}")
    return reasons


def drain_warnings(request: Request, manifest: Manifest, settings: BalancerSettings) -> list[str]:
    """Warn that a host with an open connection drains for longer than the policy says."""
    declared = manifest.policy(request.environment).drain_seconds
    longest = drain_seconds(request, manifest, settings)
    if longest <= declared:
        return []
    limit = (
        f"a host with an open connection drains for up to {longest} s, the deregistration delay of its target group"
    )
    return [f"{limit}: {manifest.version} declares drain_seconds {declared}"]

"""Planning: what would a deployment do, in which order, and what stands against it?

Called by functions/plan before anything is touched, and by `lifecycle plan` to show it to an operator.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from lifecycle.domain.capacity import Floor, Rotation, TargetState, out_of_place, refuse_drain, state_of
from lifecycle.domain.deployment import Desired, HostAttempt, Kind, Lease, Request, Target
from lifecycle.domain.fleet import HostReport
from lifecycle.domain.manifest import Manifest
from lifecycle.domain.versions import SnapshotVersion, parse_version


@dataclass(frozen=True, slots=True)
class Observed:
    """What was found before a deployment: the cluster's hosts, and what stands in the stores."""

    manifest: Manifest
    lease: Lease
    desired: Desired | None
    previous: Target | None
    reports: Mapping[str, HostReport]
    rotation: Rotation
    quarantined: Mapping[str, str]
    past: Sequence[HostAttempt]
    health_path: str | None


@dataclass(frozen=True, slots=True)
class PlannedHost:
    """One host of a plan, in its order; `why` says what is to be changed about it."""

    host: str
    zone: str
    installed: str
    why: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What a deployment would do. It may begin only when `refusals` is empty."""

    target: Target
    previous: Target | None
    hosts: tuple[PlannedHost, ...]
    in_place: tuple[str, ...]
    checks: tuple[str, ...]
    expected_seconds: float
    expected_from: str
    refusals: tuple[str, ...]

    @property
    def nothing_to_do(self) -> bool:
        return not self.hosts and not self.refusals


def plan(request: Request, seen: Observed, now: datetime, patience: timedelta) -> Plan:
    """Order the hosts that are not in their place, and list every reason not to begin.

    Hosts that serve nothing come first, because taking them costs no capacity; then by zone in turn.
    `patience` is how long an agent may be silent.
    """
    target = Target(seen.manifest.version, seen.manifest.digest)
    wrong = {
        host: why
        for host, report in seen.reports.items()
        if (why := out_of_place(report, state_of(seen.rotation, host), target))
    }
    order = _order(wrong, seen)
    seconds, source = _expected(len(order), seen)
    return Plan(
        target=target,
        previous=seen.previous,
        hosts=tuple(PlannedHost(h, seen.reports[h].zone, seen.reports[h].installed, wrong[h]) for h in order),
        in_place=tuple(sorted(set(seen.reports) - set(wrong))),
        checks=_checks(seen.manifest),
        expected_seconds=seconds,
        expected_from=source,
        refusals=tuple(_refusals(request, seen, order, now, patience)),
    )


def _order(wrong: Mapping[str, str], seen: Observed) -> list[str]:
    idle = sorted(h for h in wrong if state_of(seen.rotation, h) is not TargetState.HEALTHY)
    serving = sorted(set(wrong) - set(idle))
    by_zone: dict[str, list[str]] = {}
    for host in serving:
        by_zone.setdefault(seen.reports[host].zone, []).append(host)
    turns = sorted((place, zone, host) for zone, hosts in by_zone.items() for place, host in enumerate(hosts))
    return idle + [host for _, _, host in turns]


def _checks(manifest: Manifest) -> tuple[str, ...]:
    test, alive = manifest.self_test, manifest.is_alive
    how = f"GET {test.path}" if test.path else f"run {test.command!r}"
    return (
        f"self-test on each host: {how}, within {test.timeout_seconds:g} s",
        f"is alive behind the load balancer: GET {alive.path}",
    )


def _expected(count: int, seen: Observed) -> tuple[float, str]:
    took = sorted(
        (a.finished_at - a.started_at).total_seconds() for a in seen.past if a.finished_at is not None
    )
    if took:
        return count * took[len(took) // 2], f"the median of the last {len(took)} hosts"
    run = seen.manifest.run
    worst = run.start_seconds + run.stop_seconds + seen.manifest.self_test.timeout_seconds
    return count * worst, "the longest that its timeouts allow, as nothing was deployed here before"


def _refusals(
    request: Request, seen: Observed, order: Sequence[str], now: datetime, patience: timedelta
) -> list[str]:
    cluster, version = request.cluster, seen.manifest.version
    reasons = []
    if seen.lease.deployment not in ("", request.deployment):
        held = f" since {seen.lease.since:%Y-%m-%d %H:%M:%S} UTC" if seen.lease.since else ""
        reasons.append(f"{cluster} is being deployed by {seen.lease.deployment}{held}")
    if not seen.reports:
        reasons.append(f"{cluster} has no hosts: start an agent on each, then plan again")
    if request.environment == "production" and isinstance(parse_version(version), SnapshotVersion):
        reasons.append(f"production takes releases only: lifecycle promote {request.service} {version}")
    # A rollback may begin whatever its hosts look like; each that is in trouble halts it in its turn.
    return (
        reasons if request.kind is Kind.ROLLBACK else reasons + _cautions(request, seen, order, now, patience)
    )


def _cautions(
    request: Request, seen: Observed, order: Sequence[str], now: datetime, patience: timedelta
) -> list[str]:
    version = seen.manifest.version
    reasons = [
        f"the agent of {host} is silent since {since:%Y-%m-%d %H:%M:%S} UTC: start it, or remove the host"
        for host, report in sorted(seen.reports.items())
        if (since := report.silent_since(now, patience))
    ]
    if (why := seen.quarantined.get(version)) and not request.even_if_quarantined:
        reasons.append(f"{version} is quarantined: {why}; deploy another, or say --even-if-quarantined")
    if seen.health_path is not None and seen.health_path != seen.manifest.is_alive.path:
        reasons.append(
            f"the load balancer checks {seen.health_path}, but {version} declares is_alive "
            f"{seen.manifest.is_alive.path}: change the cluster's stack first"
        )
    return reasons + _capacity_refusals(request, seen, order)


def _capacity_refusals(request: Request, seen: Observed, order: Sequence[str]) -> list[str]:
    """Walk through the order as if every host succeeded, and report the first drain that would be refused."""
    limit = seen.manifest.policy(request.environment).max_unavailable
    hosts = frozenset(seen.reports)
    if len(hosts) > 1 and limit >= len(hosts):
        return [f"max_unavailable is {limit} of {len(hosts)} hosts, which would leave none serving"]
    rotation = dict(seen.rotation)
    for host in order:
        if why := refuse_drain(host, rotation, Floor(hosts, limit)):
            return [why]
        rotation[host] = TargetState.HEALTHY
    return []

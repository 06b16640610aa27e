"""Planning: what would a deployment do, in which order, and what stands against it?

Called by functions/rollout/plan before anything is touched, and by `lifecycle plan` to show it to an operator.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from lifecycle.domain.fleet.drift import drift_reason
from lifecycle.domain.fleet.target_group import state_of
from lifecycle.domain.rollout.deployment import Kind, Request
from lifecycle.domain.rollout.preflight import Observed, blockers, notes
from lifecycle.domain.rollout.test_bed.hosts import no_test_bed
from lifecycle.domain.service.manifest import Manifest
from lifecycle.domain.service.target import Target


@dataclass(frozen=True, slots=True)
class PlannedHost:
    """One host of a plan, in its order; `why` says what is to be changed about it."""

    host: str
    zone: str
    installed: str
    why: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What a deployment would do. It may begin only when `refusals` is empty.

    `waits_for` is the deployment whose end it would wait for, `supersedes` the one that it would overtake in
    that wait; `notes` is what an operator should know and need not change.
    """

    target: Target
    previous: Target | None
    hosts: tuple[PlannedHost, ...]
    in_place: tuple[str, ...]
    checks: tuple[str, ...]
    expected_seconds: float
    expected_from: str
    blockers: tuple[str, ...]
    notes: tuple[str, ...] = ()
    waits_for: str = ""
    supersedes: str = ""

    @property
    def nothing_to_do(self) -> bool:
        return not self.hosts and not self.blockers and not self.waits_for


def plan(request: Request, seen: Observed, now: datetime, heartbeat_timeout: timedelta) -> Plan:
    """Order the hosts that are not in their place, and list every reason not to begin.

    Hosts that serve nothing come first, because taking them costs no capacity; then by zone in turn; those
    whose agent is silent last. `patience` is how long an agent may be silent.
    """
    target = Target(seen.manifest.version, seen.manifest.digest)
    members = sorted(seen.members(request))
    wrong = {
        host: why
        for host in members
        if (why := drift_reason(seen.reports[host], state_of(seen.rotation, host), target))
    }
    order = _order(wrong, seen, now, heartbeat_timeout)
    bake = _bake(request, seen)
    seconds, source = _expected(len(order), seen, bake)
    held = request.kind is Kind.DEPLOY and seen.lease.held_by_another(request.deployment, now)
    waiting = seen.waiting.request.deployment if seen.waiting else ""
    return Plan(
        target=target,
        previous=seen.previous,
        hosts=tuple(PlannedHost(h, seen.reports[h].zone, seen.reports[h].installed, wrong[h]) for h in order),
        in_place=tuple(host for host in members if host not in wrong),
        checks=_checks(seen.manifest, bake),
        expected_seconds=seconds,
        expected_from=source,
        blockers=tuple(blockers(request, seen, order, now, heartbeat_timeout)),
        notes=tuple(notes(request, seen, now, heartbeat_timeout)),
        waits_for=seen.lease.deployment if held else "",
        supersedes=waiting if held and waiting != request.deployment else "",
    )


def _order(
    wrong: Mapping[str, str], seen: Observed, now: datetime, heartbeat_timeout: timedelta
) -> list[str]:
    silent = sorted(host for host in wrong if seen.reports[host].unreachable_since(now, heartbeat_timeout))
    heard = sorted(set(wrong) - set(silent))
    idle = [host for host in heard if not state_of(seen.rotation, host).serves]
    by_zone: dict[str, list[str]] = {}
    for host in sorted(set(heard) - set(idle)):
        by_zone.setdefault(seen.reports[host].zone, []).append(host)
    turns = sorted((place, zone, host) for zone, hosts in by_zone.items() for place, host in enumerate(hosts))
    return idle + [host for _, _, host in turns] + silent


def _bake(request: Request, seen: Observed) -> int:
    """For how many minutes the first host is compared with a control; 0 where it is not."""
    impossible = no_test_bed(seen.previous, len(seen.cluster_members), has_groups=seen.has_test_bed)
    wanted = request.kind is Kind.DEPLOY and not request.only
    return seen.policy(request).bake_minutes if wanted and not impossible else 0


def _checks(manifest: Manifest, bake: int) -> tuple[str, ...]:
    test, alive = manifest.self_test, manifest.is_alive
    how = f"GET {test.path}" if test.path else f"run {test.command!r}"
    return (
        f"self-test on each host: {how}, within {test.timeout_seconds:g} s",
        f"is alive behind the load balancer: GET {alive.path}",
        *((f"test bed: the first host beside a control, for {bake} minutes",) if bake else ()),
    )


def _expected(count: int, seen: Observed, bake: int) -> tuple[float, str]:
    """Seconds, and where that is known from; a control is one host more."""
    if bake:
        seconds, source = _expected(count + 1, seen, 0)
        return seconds + bake * seen.minute.total_seconds(), f"{source}, and the test bed"
    took = sorted(
        (a.finished_at - a.started_at).total_seconds() for a in seen.past if a.finished_at is not None
    )
    if took:
        return count * took[len(took) // 2], f"the median of the last {len(took)} hosts"
    run = seen.manifest.run
    worst = run.start_seconds + run.stop_seconds + seen.manifest.self_test.timeout_seconds
    return count * worst, "the longest that its timeouts allow, as nothing was deployed here before"

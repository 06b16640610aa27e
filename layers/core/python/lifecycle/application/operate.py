"""What operators set apart from any deployment: freezes, quarantines, and hosts that are gone.

Called by functions/freeze, quarantine and remove_host. Each is told in the trail of every cluster that it
concerns, before its effect.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from lifecycle.application import shares
from lifecycle.application.decide import wake_open
from lifecycle.application.world import World
from lifecycle.domain.errors import Refused, Unknown
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.target_group import TargetState
from lifecycle.domain.rollout.freezes import Freeze, check_scope, named


@dataclass(frozen=True, slots=True)
class By:
    """Who does it, and why."""

    who: str
    why: str


@dataclass(frozen=True, slots=True)
class Done:
    """What was done, in one sentence, and to which clusters."""

    told: str
    clusters: tuple[str, ...]


def freeze(world: World, scope: str, by: By, until: datetime | None = None) -> Done:
    """Let no new version be deployed within `scope` until it is lifted, or `until`; replaces an earlier freeze.

    Rollbacks and repairs go on; what runs already goes on too (pause it). Raises InvalidName, Refused.
    """
    now = world.clock.now()
    if until is not None and until <= now:
        raise Refused(
            f"the freeze of {scope}", [f"expected an end after {now:%Y-%m-%d %H:%M} UTC, found {until}"]
        )
    wanted = Freeze(check_scope(scope), by.who, by.why, now, until)
    ends = f" until {until:%Y-%m-%d %H:%M} UTC" if until else ""
    clusters = _tell(world, wanted, f"freeze {named(scope)}{ends}", by)
    world.freezes.put(wanted)
    return Done(f"{named(scope)} is frozen{ends}", clusters)


def unfreeze(world: World, scope: str, by: By, made: datetime | None = None) -> Done:
    """Lift the freeze of exactly this scope, and only the one `made` then; raises InvalidName, Unknown, Refused."""
    standing = {each.scope: each for each in world.freezes.standing()}
    if check_scope(scope) not in standing:
        there = ", ".join(standing) or "nothing"
        raise Unknown("freeze", f"of {scope}", f"frozen is: {there}")
    found = standing[scope]
    if made is not None and found.at != made:
        told = f"{found.by} made another one at {found.at:%H:%M:%S} UTC: {found.why}; look again"
        raise Refused(f"the end of the freeze of {named(scope)}", [told])
    clusters = _tell(world, found, f"unfreeze {named(scope)}", by)
    world.freezes.lift(scope)
    return Done(f"{named(scope)} is no longer frozen", clusters)


def _tell(world: World, concerned: Freeze, what: str, by: By) -> tuple[str, ...]:
    clusters = [cluster for cluster in world.registry.clusters() if concerned.covers(cluster)]
    for cluster in clusters:
        world.tell(cluster, what, by.who, by.why)
    return tuple(str(cluster) for cluster in clusters)


def quarantine(world: World, cluster: Cluster, name: str, by: By) -> Done:
    """Keep a version or a host of this cluster out of every later deployment; raises Unknown."""
    is_host = name in world.fleet.reports(cluster)
    if not is_host:
        world.artifacts.manifest(cluster.service, name)
    world.tell(cluster, f"quarantine {name}", by.who, by.why)
    kind, put = ("host", world.fleet.quarantine_host) if is_host else ("version", world.fleet.quarantine)
    put(cluster, name, f"{by.why} (by {by.who})")
    return Done(f"{kind} {name} of {cluster} is quarantined", (str(cluster),))


def lift_quarantine(world: World, cluster: Cluster, name: str, by: By) -> Done:
    """Let a version be deployed again, or a host be a member again; raises Unknown."""
    standing = {**world.fleet.quarantined(cluster), **world.fleet.quarantined_hosts(cluster)}
    if name not in standing:
        there = ", ".join(sorted(standing)) or "nothing"
        raise Unknown("quarantine", f"of {name} in {cluster}", f"quarantined there is: {there}")
    world.tell(cluster, f"lift the quarantine of {name}", by.who, by.why)
    world.fleet.lift_quarantine(cluster, name)
    return Done(f"{name} of {cluster} is no longer quarantined", (str(cluster),))


def remove_host(world: World, cluster: Cluster, host: str, by: By, *, terminated: bool = False) -> Done:
    """Forget a host that is gone, so that nobody waits for it; raises Unknown, Refused for one that is not gone.

    `terminated`: its machine is known to be gone, whatever its agent and the load balancer said last.
    """
    report = world.fleet.report(cluster, host)
    if report is None:
        raise Unknown("host", f"{host} of {cluster}", f"see: lifecycle hosts {cluster.service}")
    state = world.dispatcher.target(cluster, report.address)
    if not terminated and (reasons := _still_here(world, host, state, report.seen_at)):
        raise Refused(f"the removal of {host}", reasons)
    world.tell(cluster, f"remove {host}", by.who, by.why, host=host)
    shares.withdraw(world, cluster, report.address)
    world.dispatcher.deregister(cluster, report.address, report.port)
    world.fleet.lift_quarantine(cluster, host)
    world.fleet.remove(cluster, host)
    if holder := world.leases.current(cluster).deployment:
        wake_open(world, holder, host)  # whoever waits for a decision on it need not wait any more
    return Done(f"{host} is no longer a host of {cluster}", (str(cluster),))


def _still_here(world: World, host: str, state: TargetState, seen_at: datetime) -> Sequence[str]:
    reasons = []
    if world.clock.now() - seen_at <= world.patience:
        reasons.append(
            f"its agent was heard at {seen_at:%H:%M:%S} UTC: stop it first, or {host} would come back"
        )
    if state.serves:
        reasons.append("the load balancer finds it healthy: stop its service first")
    return reasons

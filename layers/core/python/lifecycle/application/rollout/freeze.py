"""Freeze and unfreeze a scope.

Called by functions/rollout/freeze. An audit entry precedes each effect, in every cluster that it concerns.
"""

from datetime import datetime

from lifecycle.application.context import World
from lifecycle.application.operator_command import By, Done
from lifecycle.domain.errors import Refused, Unknown
from lifecycle.domain.rollout.freezes import Freeze, check_scope, named


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

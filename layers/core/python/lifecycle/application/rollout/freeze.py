"""Freezes: stop new versions in a scope, and lift that again.

Called by functions/rollout/freeze. An audit entry precedes each effect, in every cluster of the scope.
"""

from datetime import datetime

from lifecycle.application.context import Context
from lifecycle.application.operator_command import CommandResult, RequestedBy
from lifecycle.domain.errors import Refused, Unknown
from lifecycle.domain.record_time import storable
from lifecycle.domain.rollout.freezes import Freeze, check_scope, scope_in_words


def freeze(context: Context, scope: str, by: RequestedBy, until: datetime | None = None) -> CommandResult:
    """Refuse new versions in `scope` until the freeze is lifted or `until`; replaces an earlier freeze.

    Rollbacks, repairs and running deployments go on; pause the latter. Raises InvalidValue, Refused.
    """
    now = context.clock.now()
    until = until and storable(until)
    if until is not None and until <= now:
        raise Refused(f"the freeze of {scope}", [f"its end must be after {now:%Y-%m-%d %H:%M} UTC, found {until}"])
    wanted = Freeze(check_scope(scope), by.who, by.why, now, until)
    ends = f" until {until:%Y-%m-%d %H:%M} UTC" if until else ""
    clusters = _audit(context, wanted, f"freeze {scope_in_words(scope)}{ends}", by)
    context.freezes.put(wanted)
    return CommandResult(f"{scope_in_words(scope)} is frozen{ends}", clusters)


def unfreeze(context: Context, scope: str, by: RequestedBy, made: datetime | None = None) -> CommandResult:
    """Lift the freeze of exactly this scope; raises InvalidValue, Unknown, and Refused for a newer freeze.

    `made`: lift only the freeze of that time, not one that replaced it.
    """
    freezes = {each.scope: each for each in context.freezes.all()}
    if check_scope(scope) not in freezes:
        raise Unknown("freeze", of=scope, known=freezes)
    found = freezes[scope]
    if made is not None and found.at != made:
        raise _replaced(found)
    clusters = _audit(context, found, f"unfreeze {scope_in_words(scope)}", by)
    if not context.freezes.lift(found):
        raise _replaced(next((each for each in context.freezes.all() if each.scope == scope), found))
    return CommandResult(f"{scope_in_words(scope)} is no longer frozen", clusters)


def _replaced(newer: Freeze) -> Refused:
    why = f"{newer.by} replaced it at {newer.at:%H:%M:%S} UTC: {newer.why}; see `lifecycle freezes`"
    return Refused(f"lifting the freeze of {scope_in_words(newer.scope)}", [why])


def _audit(context: Context, freeze: Freeze, what: str, by: RequestedBy) -> tuple[str, ...]:
    """Write an audit entry in every cluster of the freeze's scope; returns those clusters.

    Without such a cluster, those that are nearest to it have the entry.
    """
    covered = [cluster for cluster in context.registry.clusters() if freeze.covers(cluster)]
    context.record_in_scope(freeze.scope, covered, what, by.who, by.why)
    return tuple(str(cluster) for cluster in covered)

"""Freeze and unfreeze a scope.

Called by functions/rollout/freeze. An audit entry precedes each effect, in every cluster that it concerns.
"""

from datetime import datetime

from lifecycle.application.context import Context
from lifecycle.application.operator_command import CommandResult, RequestedBy
from lifecycle.domain.errors import Refused, Unknown
from lifecycle.domain.rollout.freezes import Freeze, check_scope, scope_in_words


def freeze(context: Context, scope: str, by: RequestedBy, until: datetime | None = None) -> CommandResult:
    """Let no new version be deployed within `scope` until it is lifted, or `until`; replaces an earlier freeze.

    Rollbacks and repairs go on; what runs already goes on too (pause it). Raises InvalidName, Refused.
    """
    now = context.clock.now()
    if until is not None and until <= now:
        raise Refused(
            f"the freeze of {scope}", [f"expected an end after {now:%Y-%m-%d %H:%M} UTC, found {until}"]
        )
    wanted = Freeze(check_scope(scope), by.who, by.why, now, until)
    ends = f" until {until:%Y-%m-%d %H:%M} UTC" if until else ""
    clusters = _tell(context, wanted, f"freeze {scope_in_words(scope)}{ends}", by)
    context.freezes.put(wanted)
    return CommandResult(f"{scope_in_words(scope)} is frozen{ends}", clusters)


def unfreeze(context: Context, scope: str, by: RequestedBy, made: datetime | None = None) -> CommandResult:
    """Lift the freeze of exactly this scope, and only the one `made` then; raises InvalidName, Unknown, Refused."""
    standing = {each.scope: each for each in context.freezes.all()}
    if check_scope(scope) not in standing:
        raise Unknown("freeze", of=scope, known=standing)
    found = standing[scope]
    if made is not None and found.at != made:
        told = f"{found.by} made another one at {found.at:%H:%M:%S} UTC: {found.why}; look again"
        raise Refused(f"the end of the freeze of {scope_in_words(scope)}", [told])
    clusters = _tell(context, found, f"unfreeze {scope_in_words(scope)}", by)
    context.freezes.lift(scope)
    return CommandResult(f"{scope_in_words(scope)} is no longer frozen", clusters)


def _tell(context: Context, concerned: Freeze, what: str, by: RequestedBy) -> tuple[str, ...]:
    clusters = [cluster for cluster in context.registry.clusters() if concerned.covers(cluster)]
    for cluster in clusters:
        context.record(cluster, what, by.who, by.why)
    return tuple(str(cluster) for cluster in clusters)

"""Policy floors: set and unset the minimum for the policies of an environment or a cluster.

Called by functions/rollout/set_policy. An audit entry precedes each effect, in every cluster of the scope.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from lifecycle.application.context import Context
from lifecycle.application.operator_command import CommandResult, RequestedBy
from lifecycle.application.readable import readable
from lifecycle.domain.errors import Unknown
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.policy_floor import (
    PolicyFloor,
    check_floor,
    check_floor_scope,
    in_words,
    parsed,
    scopes_of,
)


def set_floor(context: Context, scope: str, settings: Mapping[str, Sequence[str]], by: RequestedBy) -> CommandResult:
    """Set these settings of a scope's floor; the others stay. Raises InvalidValue, Unknown.

    A floor that cannot be read is replaced as a whole.
    """
    clusters = _covered(context, check_floor_scope(scope))
    if "/" in scope and not clusters:
        raise Unknown("cluster", scope, known=map(str, context.registry.clusters()))
    found, _ = readable(lambda: context.registry.floor(scope), None)
    values = {name: parsed(name, texts) for name, texts in settings.items()}
    changed = replace(found or PolicyFloor(scope), **values, by=by.who, why=by.why, at=context.clock.now())
    return _write(context, check_floor(changed), clusters, by)


def unset_floor(context: Context, scope: str, names: Sequence[str], by: RequestedBy) -> CommandResult:
    """Unset these settings of a scope's floor, or all of it if none is named. Raises InvalidValue, Unknown.

    Without names, it deletes a floor that cannot be read, too.
    """
    clusters = _covered(context, check_floor_scope(scope))
    if not names:
        return _delete(context, scope, clusters, by)
    if (found := context.registry.floor(scope)) is None or (missing := set(names) - set(found.required)):
        required = found.required if found else {}
        raise Unknown("setting", ", ".join(sorted(missing if found else names)), of=scope, known=required)
    left = PolicyFloor(scope, **{name: value for name, value in found.required.items() if name not in names})
    return _write(context, replace(left, by=by.who, why=by.why, at=context.clock.now()), clusters, by)


def _covered(context: Context, scope: str) -> list[Cluster]:
    return [cluster for cluster in context.registry.clusters() if scope in scopes_of(cluster)]


def _write(context: Context, floor: PolicyFloor, clusters: Sequence[Cluster], by: RequestedBy) -> CommandResult:
    if not floor.required:
        return _delete(context, floor.scope, clusters, by)
    words = "; ".join(f"{name} {in_words(value)}" for name, value in floor.required.items())
    context.record_in_scope(floor.scope, clusters, f"set the policy floor of {floor.scope}: {words}", by.who, by.why)
    context.registry.set_floor(floor)
    return CommandResult(f"{floor.in_words} requires {words}", tuple(map(str, clusters)))


def _delete(context: Context, scope: str, clusters: Sequence[Cluster], by: RequestedBy) -> CommandResult:
    found, errors = readable(lambda: context.registry.floor(scope), None)
    if found is None and not errors:
        raise Unknown("policy floor", of=scope)
    context.record_in_scope(scope, clusters, f"unset the policy floor of {scope}", by.who, by.why)
    context.registry.unset_floor(scope)
    return CommandResult(f"{scope} has no policy floor any more", tuple(map(str, clusters)))

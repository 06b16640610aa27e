"""The permissions of the actions that views offer: the facts of a view, judged by domain/rollout/actions.py.

Read by the pipeline and the deployment view; reads only. A version's quarantines are read only where nothing else
decides.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from lifecycle.application.context import Context
from lifecycle.application.queries.clusters import ClusterView
from lifecycle.application.readable import readable
from lifecycle.application.rollout.observe import newest_good, recent_deployments, verified_before, verifies
from lifecycle.domain.rollout.actions import Action, ActionFacts, Permission, Ruling, permission
from lifecycle.domain.rollout.deployment import Deployment
from lifecycle.domain.rollout.freezes import Freeze, freeze_reason
from lifecycle.domain.rollout.policy_floor import Floors, PolicyFloor, under, window_owners
from lifecycle.domain.rollout.rollback_words import RollbackFacts
from lifecycle.domain.service.policy import Policy
from lifecycle.domain.service.target import Target

# Verified versions that decide a rollback: the one that goes, the one that comes, and the one after it.
_DECIDE = 2


def frozen_reasons(
    context: Context, view: ClusterView, freezes: Sequence[Freeze], floors: Sequence[PolicyFloor]
) -> Mapping[str, str]:
    """Return every reason why nothing begins in a cluster, and the scope to unfreeze; a policy's window has none.

    Each has to be lifted, and not only the one that lasts longest.
    """
    now = context.clock.now()
    found = {why: each.scope for each in freezes if (why := freeze_reason((each,), (), view.cluster, now))}
    declared = (view.last.declared or view.last.policy) if view.last else Policy()
    windows = under(declared, floors).frozen
    if why := freeze_reason((), windows, view.cluster, now, window_owners(declared, floors)):
        found[why] = ""
    return found


def deploy_permission(context: Context, view: ClusterView, version: str, freezes: Sequence[Freeze]) -> Permission:
    """Return whether a version may be deployed to a cluster, as far as a view of many clusters reads it.

    The plan, which a person sees before the deployment starts, reads the rest.
    """
    floors = Floors(view.last.floors if view.last else ())  # Parameter Store answers 40 reads a second
    facts = ActionFacts(
        context.clock.now(),
        view.cluster,
        target=Target(version, "", _config_to_deploy(context, view, version)),
        lease=view.lease,
        running=view.running,
        queued=view.waiting.request.deployment if view.waiting else "",
        queued_version=view.waiting.request.version if view.waiting else "",
        verified=view.verified,
        frozen=tuple(frozen_reasons(context, view, freezes, floors.known)),
    )
    found = permission(Action.DEPLOY, facts)
    if found.ruling in (Ruling.NEEDLESS, Ruling.REFUSED):
        return found
    return permission(Action.DEPLOY, facts.with_quarantined(context.fleet.quarantined(view.cluster)))


def _config_to_deploy(context: Context, view: ClusterView, version: str) -> int:
    """Return the newest recorded configuration; it decides only where the version is there already, and is 0 else."""
    there = [each for each in (view.verified, view.running and view.running.target) if each]
    if all(each.version != version for each in there):
        return 0
    recorded, _ = readable(lambda: context.configurations.recorded(view.cluster), ())
    return max((each.revision for each in recorded), default=max(each.config for each in there))


def rollback_permission(
    context: Context, view: ClusterView, deployment: Deployment
) -> tuple[Permission, RollbackFacts | None]:
    """Return whether a deployment may be rolled back, and what that brings; None where it is not allowed."""
    now, cluster = context.clock.now(), view.cluster
    asked = ActionFacts(now, cluster, deployment=deployment, lease=view.lease, last=view.last, back=deployment.target)
    # First without what costs more reads: most deployments of a history are not the one to roll back.
    if not (found := permission(Action.ROLL_BACK, asked)).allowed:
        return found, None
    if not deployment.state.final and (back := deployment.previous) and view.lease.deployment == deployment.id:
        return found, rollback_facts(context, deployment, back, _verified(context, view))
    verified = _verified(context, view)
    bad = context.fleet.quarantined(cluster)
    back = newest_good(verified_before(verified, deployment.target), bad)
    found = permission(Action.ROLL_BACK, replace(asked, back=back))
    return found, rollback_facts(context, deployment, back, verified) if back else None


def _verified(context: Context, view: ClusterView) -> Sequence[Deployment]:
    """Return the newest deployments of a view, or more of them where they do not decide."""
    enough = len({each.target for each in view.recent if verifies(each)}) > _DECIDE
    return view.recent if enough else recent_deployments(context, view.cluster)


def rollback_facts(
    context: Context, deployment: Deployment, back: Target, recent: Sequence[Deployment] = ()
) -> RollbackFacts:
    """Return what a rollback of this deployment to `back` changes, and what the next one could bring."""
    cluster, bad = deployment.cluster, deployment.target.bad_part(back)
    quarantined = {**context.fleet.quarantined(cluster), **({bad: ""} if bad else {})}
    verified = verified_before(recent or recent_deployments(context, cluster), deployment.target)
    others = [each for each in verified if each.differs_from(back)]
    return RollbackFacts(cluster, deployment.target, back, bad, newest_good(others, quarantined))
